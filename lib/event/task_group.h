// What runs beside its owner: the sessions of a server, the parts of a session.  A group is closed
// (cancelled and joined) or joined before it ends; no task outlives it.
#pragma once

#include <cstddef>
#include <list>

#include "lib/event/loop.h"

namespace relais {

class TaskGroup {
  public:
    TaskGroup() = default;
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    ~TaskGroup();

    // Starts the task at once, until its first wait.  What it throws: Cancelled ends it silently,
    // IoError and TimedOut with a log line, anything else is a bug and aborts.
    void spawn(Task<void> task);

    // Tells all tasks to stop.  They go on until they have noticed.
    void cancel();

    // Waits until the group is empty.
    [[nodiscard]] Task<void> join();

    // join(); where the caller is being ended meanwhile, the tasks are ended as well, and waited
    // for, before he is.  For tasks that use what he has on his stack.
    [[nodiscard]] Task<void> join_or_close();

    // cancel() and join(), also when the caller itself is being cancelled.
    [[nodiscard]] Task<void> close();

    std::size_t size() const { return running_.size(); }

    bool empty() const { return running_.empty(); }

  private:
    class Runner;

    struct Running {
        Scope scope;
        std::coroutine_handle<> handle;
    };

    static Runner run(TaskGroup* group, std::list<Running>::iterator self, Task<void> task);
    void finished(std::list<Running>::iterator which);

    std::list<Running> running_;
    Wait* joiner_ = nullptr;
};

}  // namespace relais
