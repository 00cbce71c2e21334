#include "lib/event/sync.h"

namespace relais {

Task<void> WaitQueue::wait(Deadline deadline) {
    Wait wait(deadline);
    auto place = waits_.insert(waits_.end(), &wait);
    try {
        co_await wait;
    } catch (...) {
        // Woken waits have been taken out of the list; one that ended otherwise is still in it.
        waits_.erase(place);
        throw;
    }
}

std::size_t WaitQueue::wake_one() {
    if (waits_.empty()) {
        return 0;
    }
    Wait* first = waits_.front();
    waits_.pop_front();
    first->wake();
    return 1;
}

std::size_t WaitQueue::wake_all() {
    std::size_t count = 0;
    while (wake_one() != 0) {
        ++count;
    }
    return count;
}

Task<void> Flag::wait(Deadline deadline) {
    while (!set_) {
        co_await waiters_.wait(deadline);
    }
}

Task<Semaphore::Place> Semaphore::take(Deadline deadline) {
    while (free_ == 0) {
        co_await waiters_.wait(deadline);
    }
    --free_;
    co_return Place(this);
}

}  // namespace relais
