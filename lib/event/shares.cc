#include "lib/event/shares.h"

#include <algorithm>
#include <thread>

#include "lib/event/blocking.h"
#include "lib/event/task_group.h"

namespace relais {

namespace {

constexpr std::size_t kMaxThreads = 4;

std::size_t thread_count() {
    static const std::size_t count =
        std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
    return count;
}

}  // namespace

Task<void> run_in_shares(std::size_t count, ShareOfWork work) {
    TaskGroup threads;
    const std::size_t size = (count + thread_count() - 1) / thread_count();
    for (std::size_t begin = 0; begin < count; begin += size) {
        const std::size_t end = std::min(begin + size, count);
        threads.spawn(run_job([&work, begin, end] { work(begin, end); }));
    }
    co_await threads.join_or_close();
}

}  // namespace relais
