// One search, two ways to call it: written as a coroutine once, it is also run without the loop
// where it is told to block instead of waiting.
#pragma once

#include <utility>

#include "lib/event/task.h"

namespace relais {

// What a compound lookup does about tables that wait for another process.
enum class Waiting { kBlock, kSuspend };

// `task` must end without waiting: it was told Waiting::kBlock.
template <class T>
T run_inline(Task<T> task) {
    auto awaiter = task.under(nullptr);
    awaiter.await_suspend(std::noop_coroutine()).resume();
    return awaiter.await_resume();
}

}  // namespace relais
