// One direction of a connection that is handed through.
#pragma once

#include <chrono>
#include <cstdint>

#include "lib/event/stream.h"
#include "lib/event/task.h"

namespace relais {

// What has gone through.
struct Pumped {
    std::uint64_t bytes = 0;
    SteadyTime last = std::chrono::steady_clock::now();
};

// Copies what `from` has buffered and all that comes, until its end or until either side fails.
// Another task may copy the other way at the same time.  `pumped`: if not null, is told of it.
[[nodiscard]] Task<void> copy_to_end(Stream* from, Stream* to, Pumped* pumped = nullptr);

// The same, and then closes the sending side of `to`.
[[nodiscard]] Task<void> pump(Stream* from, Stream* to, Pumped* pumped = nullptr);

}  // namespace relais
