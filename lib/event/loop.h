// The process's one event loop, and Wait: how a coroutine sleeps until the loop has news for it.
// libevent stays behind this header.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "lib/event/deadline.h"
#include "lib/event/errors.h"
#include "lib/event/task.h"

struct event_base;
struct event;

namespace relais {

struct FreeEvent {
    void operator()(event* ev) const;
};

using EventPtr = std::unique_ptr<event, FreeEvent>;

class Loop {
  public:
    // The loop of this process, made at the first call.
    static Loop& current();

    // Runs until stop().
    void run();

    void stop() { stopped_ = true; }

    // One pass: waits for events, at most `max_wait` and not at all while something is ready, and
    // resumes who has news.
    void run_once(std::chrono::milliseconds max_wait);

    // Runs the loop until `task` is done, and hands out its result or its exception.
    template <class T>
    T run_task(Task<T> task);

    // Resumes the waiting coroutine from the loop, never from inside the caller.
    void make_ready(Wait* wait) { ready_.push_back(wait); }

    void forget(const Wait* wait);

    // In the child after a fork without exec, before the loop is used there.
    void after_fork();

    // Called each time before the loop sleeps (logs are flushed there, batches written).
    void before_sleep(std::function<void()> hook) { hooks_.push_back(std::move(hook)); }

    // A new event of libevent on this loop; `what` are EV_ flags.
    EventPtr make_event(int fd, short what, void (*callback)(int, short, void*), void* argument);

    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop();

  private:
    Loop();
    void resume_ready();

    struct FreeBase {
        void operator()(event_base* base) const;
    };

    std::unique_ptr<event_base, FreeBase> base_;
    std::deque<Wait*> ready_;
    std::deque<std::function<void()>> hooks_;
    bool stopped_ = false;
};

// A suspended coroutine.  Whoever has news calls wake(); the deadline or the scope may come first.
// Await it with `co_await wait`; it throws TimedOut or Cancelled, or returns.
class Wait {
  public:
    explicit Wait(Deadline deadline = {}) : deadline_(deadline) {}

    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait();

    // Ends the wait with success.  False, and nothing else, when it has ended already.
    bool wake() { return finish(Outcome::kReady); }

    bool timed_out() const { return outcome_ == Outcome::kTimedOut; }

    bool await_ready() const noexcept { return outcome_ == Outcome::kReady; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        return suspend(self, self.promise().scope());
    }

    void await_resume();

  private:
    friend class Scope;
    friend class Loop;

    enum class Outcome { kPending, kReady, kTimedOut, kCancelled };

    bool suspend(std::coroutine_handle<> self, Scope* scope);
    bool finish(Outcome outcome);
    void leave_scope();
    static void on_timer(int fd, short what, void* self);

    Deadline deadline_;
    std::coroutine_handle<> handle_;
    Scope* scope_ = nullptr;
    EventPtr timer_;
    Outcome outcome_ = Outcome::kPending;
    bool queued_ = false;
};

// Lets other ready coroutines run.
[[nodiscard]] Task<void> yield();
[[nodiscard]] Task<void> sleep_for(std::chrono::milliseconds time);

// Runs `task` outside of the caller's scope: for the orderly end of something after cancellation.
template <class T>
Task<T> shielded(Task<T> task) {
    co_return co_await task.under(nullptr);
}

// The task's result, or nothing when the time was up first (the task is cancelled then).
template <class T>
Task<std::optional<T>> with_timeout(std::chrono::milliseconds time, Task<T> task);

}  // namespace relais

#include "lib/event/loop_inline.h"
