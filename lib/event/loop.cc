#include "lib/event/loop.h"

#include <algorithm>

#include <event2/event.h>

#include "lib/base/log.h"

namespace relais {

void FreeEvent::operator()(event* ev) const {
    event_free(ev);
}

void Loop::FreeBase::operator()(event_base* base) const {
    event_base_free(base);
}

Loop::Loop() {
    std::unique_ptr<event_config, decltype(&event_config_free)> config(event_config_new(),
                                                                       event_config_free);
    // One thread, and few epoll_ctl calls: changes to one descriptor are merged until the wait.
    event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config.get(), EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    base_.reset(event_base_new_with_config(config.get()));
    if (!base_) {
        log_fatal("cannot create the event loop");
    }
}

Loop::~Loop() = default;

Loop& Loop::current() {
    static Loop loop;
    return loop;
}

EventPtr Loop::make_event(int fd, short what, void (*callback)(int, short, void*), void* argument) {
    EventPtr made(event_new(base_.get(), fd, what, callback, argument));
    if (!made) {
        log_fatal("out of memory for an event");
    }
    return made;
}

void Loop::after_fork() {
    if (event_reinit(base_.get()) != 0) {
        log_fatal("cannot use the event loop after a fork");
    }
}

void Loop::run() {
    stopped_ = false;
    while (!stopped_) {
        run_once(std::chrono::hours(1));
    }
}

void Loop::run_once(std::chrono::milliseconds max_wait) {
    for (const auto& hook : hooks_) {
        hook();
    }
    int flags = EVLOOP_ONCE;
    if (!ready_.empty() || max_wait <= std::chrono::milliseconds::zero()) {
        flags |= EVLOOP_NONBLOCK;
    }
    if (event_base_loop(base_.get(), flags) == 1) {
        // Without a pending event libevent returns at once; nothing can ever wake us.
        if (ready_.empty()) {
            log_panic("the event loop has nothing to wait for");
        }
    }
    resume_ready();
}

void Loop::resume_ready() {
    // Coroutines wake each other without a system call between; but one that yields forever must
    // not starve the events.
    constexpr std::size_t kMaxRounds = 16;
    for (std::size_t round = 0; round < kMaxRounds && !ready_.empty(); ++round) {
        for (std::size_t count = ready_.size(); count > 0 && !ready_.empty(); --count) {
            Wait* wait = ready_.front();
            ready_.pop_front();
            if (wait != nullptr) {
                wait->queued_ = false;
                wait->handle_.resume();
            }
        }
    }
}

void Loop::forget(const Wait* wait) {
    std::ranges::replace(ready_, const_cast<Wait*>(wait), nullptr);
}

void Scope::cancel() {
    cancelled_ = true;
    if (inner_ != nullptr) {
        inner_->cancel();
    }
    if (waiting_ != nullptr) {
        waiting_->finish(Wait::Outcome::kCancelled);
    }
}

NestedScope::NestedScope(Scope* outer) : outer_(outer) {
    if (outer_ != nullptr) {
        outer_->inner_ = this;
        cancelled_ = outer_->cancelled_;
    }
}

NestedScope::~NestedScope() {
    if (outer_ != nullptr) {
        outer_->inner_ = nullptr;
    }
}

Wait::~Wait() {
    leave_scope();
    if (queued_) {
        Loop::current().forget(this);
    }
}

static timeval to_timeval(std::chrono::steady_clock::duration wait) {
    auto micros = std::chrono::ceil<std::chrono::microseconds>(wait).count();
    return timeval{.tv_sec = micros / 1000000, .tv_usec = micros % 1000000};
}

bool Wait::suspend(std::coroutine_handle<> self, Scope* scope) {
    if (scope != nullptr && scope->cancelled()) {
        outcome_ = Outcome::kCancelled;
        return false;
    }
    if (deadline_.passed()) {
        outcome_ = Outcome::kTimedOut;
        return false;
    }
    handle_ = self;
    scope_ = scope;
    if (scope_ != nullptr) {
        scope_->waiting_ = this;
    }
    if (!deadline_.is_never()) {
        timer_ = Loop::current().make_event(-1, 0, &Wait::on_timer, this);
        timeval wait = to_timeval(deadline_.remaining());
        event_add(timer_.get(), &wait);
    }
    return true;
}

bool Wait::finish(Outcome outcome) {
    if (outcome_ != Outcome::kPending) {
        return false;
    }
    outcome_ = outcome;
    timer_.reset();
    leave_scope();
    if (handle_) {
        queued_ = true;
        Loop::current().make_ready(this);
    }
    return true;
}

void Wait::leave_scope() {
    if (scope_ != nullptr && scope_->waiting_ == this) {
        scope_->waiting_ = nullptr;
    }
    scope_ = nullptr;
}

void Wait::on_timer(int /*fd*/, short /*what*/, void* self) {
    static_cast<Wait*>(self)->finish(Outcome::kTimedOut);
}

void Wait::await_resume() {
    if (outcome_ == Outcome::kTimedOut) {
        throw TimedOut();
    }
    if (outcome_ == Outcome::kCancelled) {
        throw Cancelled();
    }
}

ScopeTimer::ScopeTimer(Scope* scope, std::chrono::milliseconds time)
    : scope_(scope), timer_(Loop::current().make_event(-1, 0, &ScopeTimer::on_timer, this)) {
    timeval wait = to_timeval(time);
    event_add(timer_.get(), &wait);
}

void ScopeTimer::on_timer(int /*fd*/, short /*what*/, void* self) {
    auto* timer = static_cast<ScopeTimer*>(self);
    timer->fired_ = true;
    timer->scope_->cancel();
}

// Awaited by yield(): ready at once, but only after everybody else who is.
class YieldWait {
  public:
    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        bool suspended = wait_.await_suspend(self);
        wait_.wake();
        return suspended;
    }

    void await_resume() { wait_.await_resume(); }

  private:
    Wait wait_;
};

Task<void> yield() {
    YieldWait wait;
    co_await wait;
}

// Awaited by sleep_for(): that the time is up is what was wanted, and no exception.
class SleepWait {
  public:
    explicit SleepWait(std::chrono::milliseconds time) : wait_(Deadline::after(time)) {}

    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        return wait_.await_suspend(self);
    }

    void await_resume() {
        if (!wait_.timed_out()) {
            wait_.await_resume();
        }
    }

  private:
    Wait wait_;
};

Task<void> sleep_for(std::chrono::milliseconds time) {
    SleepWait wait(time);
    co_await wait;
}

}  // namespace relais
