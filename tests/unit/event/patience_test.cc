// Starting a process where the system has none to spare.
#include <cerrno>
#include <chrono>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/event/child.h"
#include "lib/event/loop.h"
#include "lib/event/task_group.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

namespace {

constexpr rlim_t kEnough = 500;

bool allow_processes(rlim_t count) {
    const rlimit limit{count, kEnough};
    return ::setrlimit(RLIMIT_NPROC, &limit) == 0;
}

Task<void> allow_later(std::chrono::milliseconds wait) {
    co_await sleep_for(wait);
    allow_processes(kEnough);
}

// How long it took until there was a process, in steps of 100 ms; or -1, likewise, with an error.
Task<int> start_true(int attempts, std::chrono::milliseconds allowed_after) {
    TaskGroup beside;
    beside.spawn(allow_later(allowed_after));
    const auto began = std::chrono::steady_clock::now();
    ChildSpec spec;
    spec.argv = {"/bin/true"};
    auto child = co_await Child::start(std::move(spec), {attempts, 100ms});
    const auto steps = (std::chrono::steady_clock::now() - began + 50ms) / 100ms;
    co_await beside.close();
    if (!child) {
        co_return child.error().sys_errno == EAGAIN ? -static_cast<int>(steps) : -99;
    }
    const auto ended = co_await child->wait(Deadline::after(5s));
    co_return ended.ok() ? static_cast<int>(steps) : 99;
}

// Root has processes without end: another user tries.
int as_somebody(int attempts, std::chrono::milliseconds allowed_after) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        Loop::current().after_fork();
        constexpr uid_t kSomebody = 61234;
        if (::setresgid(kSomebody, kSomebody, kSomebody) != 0 ||
            ::setresuid(kSomebody, kSomebody, kSomebody) != 0 || !allow_processes(0)) {
            ::_exit(77);
        }
        ::_exit(50 + Loop::current().run_task(start_true(attempts, allowed_after)));
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WEXITSTATUS(status) - 50;
}

}  // namespace

TEST_CASE("event/child: a fork that fails is tried again") {
    if (::geteuid() != 0) {
        WARN("skipped: needs root");
        return;
    }
    CHECK(as_somebody(1, 10s) == 0);   // no pause after the last attempt
    CHECK(as_somebody(4, 10s) == -3);  // three pauses
    CHECK(as_somebody(9, 250ms) == 3);
}
