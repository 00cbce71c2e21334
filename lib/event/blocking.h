// Blocking file-system calls (fsync above all) off the loop: a few helper threads run the call, the
// coroutine waits, and the syncs of many sessions overlap.  No other code knows of threads.
//
// The callable runs on another thread: it may touch only what it owns and system calls.  The wait
// cannot be cancelled, since the call may still use the descriptor.
#pragma once

#include <functional>
#include <optional>
#include <type_traits>

#include <sys/types.h>

#include "lib/event/loop.h"

namespace relais {

// Runs `job` on a helper thread and returns when it is done.
[[nodiscard]] Task<void> run_job(std::function<void()> job);

// fork(2), for a child that goes on with the loop and everything that waits on it.  Helper threads
// do not cross a fork: calls that run have a moment to end; one that still runs is made again in
// the child, on a thread of its own, and so are those that wait.  -1 with errno; sets up the loop.
[[nodiscard]] Task<pid_t> fork_process();

template <class F>
Task<std::invoke_result_t<F>> run_blocking(F work) {
    using R = std::invoke_result_t<F>;
    if constexpr (std::is_void_v<R>) {
        co_await run_job(std::move(work));
    } else {
        std::optional<R> result;
        std::function<void()> job = [&result, &work] { result.emplace(work()); };
        co_await run_job(std::move(job));
        co_return std::move(*result);
    }
}

}  // namespace relais
