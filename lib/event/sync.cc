#include "lib/event/sync.h"

#include <utility>

namespace relais {

// A place in the queue, given up however the wait ends.
class WaitQueue::Place {
  public:
    Place(WaitQueue* queue, Deadline deadline)
        : wait(deadline), queue_(queue), at_(queue->places_.insert(queue->places_.end(), this)) {}

    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    ~Place() { leave(); }

    void leave() {
        if (queue_ != nullptr) {
            std::exchange(queue_, nullptr)->places_.erase(at_);
        }
    }

    Wait wait;

  private:
    WaitQueue* queue_;
    std::list<Place*>::iterator at_;
};

Task<void> WaitQueue::wait(Deadline deadline) {
    Place place(this, deadline);
    co_await place.wait;
}

std::size_t WaitQueue::wake_one() {
    while (!places_.empty()) {
        Place* first = places_.front();
        first->leave();
        // Whoever has timed out or was cancelled, and has not run since, leaves it to the next.
        if (first->wait.wake()) {
            return 1;
        }
    }
    return 0;
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
