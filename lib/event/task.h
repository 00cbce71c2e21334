// Task<T>: a lazy coroutine that is awaited exactly once, on one thread.
//
// Starting and finishing use symmetric transfer, so a loop over a million tasks that finish without
// waiting does not grow the stack.  A task takes over the Scope of whoever awaits it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "lib/event/frame_pool.h"
#include "lib/event/scope.h"

namespace relais {

template <class T>
class Task;

class PromiseBase {
  public:
    // The memory of a frame, which the promise is a part of, is asked for here.
    static void* operator new(std::size_t size) {
        return kFramesArePooled ? FramePool::current().take(size) : ::operator new(size);
    }

    static void operator delete(void* frame, std::size_t size) noexcept {
        kFramesArePooled ? FramePool::current().give_back(frame, size) : ::operator delete(frame);
    }

    std::suspend_always initial_suspend() noexcept { return {}; }

    struct ResumeParent {
        bool await_ready() noexcept { return false; }

        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
            return self.promise().parent_;
        }

        void await_resume() noexcept {}
    };

    ResumeParent final_suspend() noexcept { return {}; }

    Scope* scope() const { return scope_; }

    void start_under(std::coroutine_handle<> parent, Scope* scope) {
        parent_ = parent;
        scope_ = scope;
    }

  private:
    std::coroutine_handle<> parent_ = std::noop_coroutine();
    Scope* scope_ = nullptr;
};

template <class T>
class TaskPromise : public PromiseBase {
  public:
    Task<T> get_return_object();

    template <class U>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }

    void unhandled_exception() { error_ = std::current_exception(); }

    T take() {
        if (error_) {
            std::rethrow_exception(error_);
        }
        return std::move(*value_);
    }

  private:
    std::optional<T> value_;
    std::exception_ptr error_;
};

template <>
class TaskPromise<void> : public PromiseBase {
  public:
    Task<void> get_return_object();

    void return_void() {}

    void unhandled_exception() { error_ = std::current_exception(); }

    void take() {
        if (error_) {
            std::rethrow_exception(error_);
        }
    }

  private:
    std::exception_ptr error_;
};

template <class T = void>
class [[nodiscard]] Task {
  public:
    using promise_type = TaskPromise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Task(Handle handle) : handle_(handle) {}

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            destroy();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }

    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    ~Task() { destroy(); }

    class Awaiter {
      public:
        explicit Awaiter(Handle handle) : handle_(handle) {}

        bool await_ready() const noexcept { return false; }

        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
            handle_.promise().start_under(parent, parent.promise().scope());
            return handle_;
        }

        T await_resume() { return handle_.promise().take(); }

      private:
        Handle handle_;
    };

    Awaiter operator co_await() const noexcept { return Awaiter(handle_); }

    // The same under another scope (nullptr: nothing can cancel it).
    class ScopedAwaiter : public Awaiter {
      public:
        ScopedAwaiter(Handle handle, Scope* scope)
            : Awaiter(handle), handle_(handle), scope_(scope) {}

        std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
            handle_.promise().start_under(parent, scope_);
            return handle_;
        }

      private:
        Handle handle_;
        Scope* scope_;
    };

    ScopedAwaiter under(Scope* scope) const noexcept { return ScopedAwaiter(handle_, scope); }

  private:
    void destroy() {
        if (handle_) {
            handle_.destroy();
        }
    }

    Handle handle_;
};

template <class T>
Task<T> TaskPromise<T>::get_return_object() {
    return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() {
    return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}

// The scope of the coroutine that awaits this.
class CurrentScope {
  public:
    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        scope_ = self.promise().scope();
        return false;
    }

    Scope* await_resume() const noexcept { return scope_; }

  private:
    Scope* scope_ = nullptr;
};

}  // namespace relais
