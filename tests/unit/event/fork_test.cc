// A process that forks and goes on with its loop in the child, while helper threads are at work.
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/event/blocking.h"
#include "lib/event/loop.h"
#include "lib/event/task_group.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

namespace {

Task<void> block(std::chrono::milliseconds time, int* done) {
    co_await run_blocking([time] { std::this_thread::sleep_for(time); });
    ++*done;
}

// The exit status of a child that has as many seconds as a hang would need to be noticed.
int exit_status(pid_t child) {
    for (int tries = 0; tries < 2000; ++tries) {
        int status = 0;
        if (::waitpid(child, &status, WNOHANG) == child) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        }
        std::this_thread::sleep_for(5ms);
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return -1000;
}

// Calls that ended before the fork, run across it, and begin after it.  In the child the number of
// those that came back is the exit status.
Task<pid_t> fork_among_calls(std::chrono::milliseconds running) {
    int done = 0;
    co_await block(1ms, &done);  // leaves an idle thread behind
    TaskGroup calls;
    calls.spawn(block(running, &done));
    calls.spawn(block(running, &done));
    co_await sleep_for(20ms);
    const pid_t child = co_await fork_process();
    calls.spawn(block(1ms, &done));
    co_await calls.join();
    co_await block(1ms, &done);
    if (child == 0) {
        ::_exit(done);
    }
    CHECK(done == 5);
    co_return child;
}

}  // namespace

TEST_CASE("event/fork: helper threads work on both sides of a fork") {
    CHECK(exit_status(Loop::current().run_task(fork_among_calls(100ms))) == 5);
}

TEST_CASE("event/fork: a call that outlasts the wait is made again in the child") {
    const auto start = std::chrono::steady_clock::now();
    CHECK(exit_status(Loop::current().run_task(fork_among_calls(3000ms))) == 5);
    CHECK(std::chrono::steady_clock::now() - start < 6s);
}

namespace {

Task<pid_t> fork_while_one_waits(int pipe_end) {
    TaskGroup calls;
    int done = 0;
    calls.spawn(block(200ms, &done));
    co_await sleep_for(20ms);
    // Asked for while the fork waits for the first: it may run on the far side only.
    auto late = [](int fd, int* count) -> Task<void> {
        co_await sleep_for(20ms);
        co_await run_blocking([fd] {
            const auto self = std::to_string(::getpid());
            static_cast<void>(::write(fd, self.data(), self.size()));
        });
        ++*count;
    };
    calls.spawn(late(pipe_end, &done));
    const pid_t child = co_await fork_process();
    co_await calls.join();
    if (child == 0) {
        ::_exit(done);
    }
    CHECK(done == 2);
    co_return child;
}

}  // namespace

TEST_CASE("event/fork: calls asked for while a fork waits run in both processes") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t child = Loop::current().run_task(fork_while_one_waits(ends[1]));
    CHECK(exit_status(child) == 2);
    std::string seen(100, '\0');
    seen.resize(static_cast<std::size_t>(::read(ends[0], seen.data(), seen.size())));
    CHECK(seen.contains(std::to_string(child)));
    CHECK(seen.contains(std::to_string(::getpid())));
}
