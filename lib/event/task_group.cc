#include "lib/event/task_group.h"

#include <exception>
#include <utility>

#include "lib/base/log.h"

namespace relais {

// The outermost coroutine of a spawned task.  It destroys itself when it ends.
class TaskGroup::Runner {
  public:
    class promise_type : public PromiseBase {
      public:
        Runner get_return_object() {
            return Runner(std::coroutine_handle<promise_type>::from_promise(*this));
        }

        std::suspend_never final_suspend() noexcept { return {}; }

        void return_void() {}

        void unhandled_exception() { std::terminate(); }
    };

    explicit Runner(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

    std::coroutine_handle<promise_type> handle() const { return handle_; }

  private:
    std::coroutine_handle<promise_type> handle_;
};

TaskGroup::~TaskGroup() {
    // Only at the end of the process: frames that still wait are freed without running on.
    while (!running_.empty()) {
        auto handle = running_.front().handle;
        running_.front().handle = nullptr;
        if (handle) {
            handle.destroy();
        }
        running_.pop_front();
    }
}

void TaskGroup::spawn(Task<void> task) {
    auto self = running_.emplace(running_.end());
    Runner runner = run(this, self, std::move(task));
    runner.handle().promise().start_under(std::noop_coroutine(), &self->scope);
    self->handle = runner.handle();
    runner.handle().resume();
}

TaskGroup::Runner TaskGroup::run(TaskGroup* group, std::list<Running>::iterator self,
                                 Task<void> task) {
    try {
        co_await task;
    } catch (const Cancelled&) {
    } catch (const TimedOut&) {
        log_warning("a task ended on a timeout that nobody handled");
    } catch (const IoError& error) {
        log_warning("a task ended: {}", error.what());
    } catch (const std::exception& error) {
        log_panic("unexpected exception: {}", error.what());
    }
    group->finished(self);
}

void TaskGroup::finished(std::list<Running>::iterator which) {
    running_.erase(which);
    if (running_.empty() && joiner_ != nullptr) {
        joiner_->wake();
    }
}

void TaskGroup::cancel() {
    for (auto& running : running_) {
        running.scope.cancel();
    }
}

Task<void> TaskGroup::join() {
    if (running_.empty()) {
        co_return;
    }
    Wait wait;
    joiner_ = &wait;
    try {
        co_await wait;
    } catch (...) {
        joiner_ = nullptr;
        throw;
    }
    joiner_ = nullptr;
}

Task<void> TaskGroup::join_or_close() {
    std::exception_ptr ended;
    try {
        co_await join();
    } catch (...) {
        ended = std::current_exception();
    }
    co_await close();
    if (ended) {
        std::rethrow_exception(ended);
    }
}

Task<void> TaskGroup::close() {
    cancel();
    Task<void> joining = join();
    co_await joining.under(nullptr);
}

}  // namespace relais
