// How tasks of one process wait for each other.  None of these is for threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <utility>

#include "lib/event/loop.h"

namespace relais {

// The tasks that wait for something, first come, first served.
class WaitQueue {
  public:
    // Waits until woken.
    [[nodiscard]] Task<void> wait(Deadline deadline = {});
    // Both return how many they woke.
    std::size_t wake_one();
    std::size_t wake_all();

    bool empty() const { return places_.empty(); }

  private:
    class Place;

    std::list<Place*> places_;
};

// Set once or again; wait() returns at once while it is set.
class Flag {
  public:
    void set() {
        set_ = true;
        waiters_.wake_all();
    }

    void clear() { set_ = false; }

    bool is_set() const { return set_; }

    [[nodiscard]] Task<void> wait(Deadline deadline = {});

  private:
    WaitQueue waiters_;
    bool set_ = false;
};

// Something that changes again and again.  Who remembers count() from before a look misses no
// change, whenever it comes.
class Changes {
  public:
    void announce() {
        ++count_;
        waiters_.wake_all();
    }

    std::uint64_t count() const { return count_; }

    // Returns at once when something has changed since `count` was read.
    [[nodiscard]] Task<void> wait_beyond(std::uint64_t count, Deadline deadline = {}) {
        if (count_ == count) {
            co_await waiters_.wait(deadline);
        }
    }

  private:
    WaitQueue waiters_;
    std::uint64_t count_ = 0;
};

// A counted number of places.  Hold one with `Place place = co_await semaphore.take();`.
class Semaphore {
  public:
    explicit Semaphore(std::size_t places) : free_(places) {}

    class Place {
      public:
        Place() = default;

        explicit Place(Semaphore* owner) : owner_(owner) {}

        Place(Place&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}

        Place& operator=(Place&& other) noexcept {
            release();
            owner_ = std::exchange(other.owner_, nullptr);
            return *this;
        }

        ~Place() { release(); }

        void release() {
            if (owner_ != nullptr) {
                std::exchange(owner_, nullptr)->give_back();
            }
        }

      private:
        Semaphore* owner_ = nullptr;
    };

    [[nodiscard]] Task<Place> take(Deadline deadline = {});

    std::size_t free() const { return free_; }

  private:
    void give_back() {
        ++free_;
        waiters_.wake_one();
    }

    std::size_t free_;
    WaitQueue waiters_;
};

// Values handed from producers to consumers in order.
template <class T>
class Channel {
  public:
    void push(T value) {
        values_.push_back(std::move(value));
        readers_.wake_one();
    }

    // No more values will come; readers get nothing once it is empty.
    void close() {
        closed_ = true;
        readers_.wake_all();
    }

    [[nodiscard]] Task<std::optional<T>> pop(Deadline deadline = {}) {
        while (values_.empty()) {
            if (closed_) {
                co_return std::nullopt;
            }
            co_await readers_.wait(deadline);
        }
        std::optional<T> value(std::move(values_.front()));
        values_.pop_front();
        co_return value;
    }

    std::size_t size() const { return values_.size(); }

  private:
    std::deque<T> values_;
    WaitQueue readers_;
    bool closed_ = false;
};

}  // namespace relais
