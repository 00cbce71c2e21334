// Templates of loop.h.
#pragma once

#include <optional>

#include "lib/event/loop.h"

namespace relais {

// A timer that cancels a scope.
class ScopeTimer {
  public:
    ScopeTimer(Scope* scope, std::chrono::milliseconds time);

    bool fired() const { return fired_; }

  private:
    static void on_timer(int fd, short what, void* self);

    Scope* scope_;
    EventPtr timer_;
    bool fired_ = false;
};

template <class T>
Task<std::optional<T>> with_timeout(std::chrono::milliseconds time, Task<T> task) {
    Scope* outer = co_await CurrentScope();
    NestedScope scope(outer);
    ScopeTimer timer(&scope, time);
    try {
        std::optional<T> result(co_await task.under(&scope));
        co_return result;
    } catch (const Cancelled&) {
        if (!timer.fired() || (outer != nullptr && outer->cancelled())) {
            throw;
        }
    }
    co_return std::nullopt;
}

// The outermost coroutine of run_task(): nobody awaits it.
class RootTask {
  public:
    class promise_type : public PromiseBase {
      public:
        RootTask get_return_object() {
            return RootTask(std::coroutine_handle<promise_type>::from_promise(*this));
        }

        std::suspend_always final_suspend() noexcept { return {}; }

        void return_void() {}

        void unhandled_exception() { std::terminate(); }
    };

    explicit RootTask(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

    RootTask(const RootTask&) = delete;
    RootTask& operator=(const RootTask&) = delete;

    ~RootTask() { handle_.destroy(); }

    void start(Scope* scope) {
        handle_.promise().start_under(std::noop_coroutine(), scope);
        handle_.resume();
    }

    bool done() const { return handle_.done(); }

  private:
    std::coroutine_handle<promise_type> handle_;
};

template <class T>
RootTask run_into(Task<T> task, std::optional<T>& result, std::exception_ptr& error) {
    try {
        result.emplace(co_await task);
    } catch (...) {
        error = std::current_exception();
    }
}

inline RootTask run_into(Task<void> task, std::exception_ptr& error) {
    try {
        co_await task;
    } catch (...) {
        error = std::current_exception();
    }
}

template <class T>
T Loop::run_task(Task<T> task) {
    std::exception_ptr error;
    Scope scope;
    auto finish = [&](RootTask& root) {
        root.start(&scope);
        while (!root.done()) {
            run_once(std::chrono::hours(1));
        }
        if (error) {
            std::rethrow_exception(error);
        }
    };
    if constexpr (std::is_void_v<T>) {
        RootTask root = run_into(std::move(task), error);
        finish(root);
    } else {
        std::optional<T> result;
        RootTask root = run_into(std::move(task), result, error);
        finish(root);
        return std::move(*result);
    }
}

}  // namespace relais
