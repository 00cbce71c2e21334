// Work on many things that are independent of each other, shared among helper threads: one after
// another would keep all but one processor idle, and whoever else the loop serves waiting.
#pragma once

#include <cstddef>
#include <functional>

#include "lib/event/loop.h"

namespace relais {

// Calls work(begin, end) for parts of [0, count), on as many helper threads as there are
// processors, but at most four; back when all are done.  As with run_blocking(), the work may touch
// only what it owns and system calls.
using ShareOfWork = std::function<void(std::size_t begin, std::size_t end)>;
[[nodiscard]] Task<void> run_in_shares(std::size_t count, ShareOfWork work);

}  // namespace relais
