// What a child starts with, and what is said of one that cannot be its program.
#include "lib/event/child.h"

#include <chrono>
#include <csignal>
#include <string>

#include <unistd.h>

#include "lib/event/loop.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

namespace {

struct Ended {
    ChildStatus status;
    std::string failure;
};

Task<Ended> run(ChildSpec spec) {
    spec.reports_failure = true;
    auto child = Child::start(spec);
    REQUIRE(child);
    Ended out;
    out.status = co_await child->wait(Deadline::after(10s));
    const auto failure = child->failure(spec);
    out.failure = failure ? failure->message : "";
    co_return out;
}

Ended ended(ChildSpec spec) {
    return Loop::current().run_task(run(std::move(spec)));
}

ChildSpec shell(std::string text) {
    ChildSpec spec;
    spec.argv = {"sh", "-c", std::move(text)};
    spec.program = "/bin/sh";
    return spec;
}

int handled = 0;

void count_signal(int /*number*/) {
    ++handled;
}

}  // namespace

TEST_CASE("event/child: its status, and why it is no program") {
    const auto well = ended(shell("exit 7"));
    CHECK(well.status.exit_status == 7);
    CHECK(well.failure.empty());
    // A status of its own that looks like a failure is none.
    CHECK(ended(shell("exit 127")).failure.empty());

    ChildSpec absent;
    absent.argv = {"/nowhere/program"};
    const auto missing = ended(absent);
    CHECK(missing.status.exit_status == 127);
    CHECK(missing.failure == "execvp /nowhere/program: No such file or directory");

    auto lost = shell("exit 0");
    lost.directory = "/nowhere";
    const auto directory = ended(lost);
    CHECK(directory.status.exit_status == 127);
    CHECK(directory.failure.starts_with("cannot change directory to \"/nowhere\" for uid="));

    auto rooted = shell("exit 0");
    rooted.root = "/nowhere";
    CHECK(ended(rooted).failure.starts_with("chroot(/nowhere): "));
}

TEST_CASE("event/child: signals are as the system has them, and the parent's stay its own") {
    struct sigaction action{};
    action.sa_handler = count_signal;
    struct sigaction before_usr1{};
    struct sigaction before_pipe{};
    REQUIRE(::sigaction(SIGUSR1, &action, &before_usr1) == 0);
    action.sa_handler = SIG_IGN;
    REQUIRE(::sigaction(SIGPIPE, &action, &before_pipe) == 0);
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    REQUIRE(::sigprocmask(SIG_SETMASK, &blocked, &before) == 0);

    CHECK(ended(shell("kill -USR1 $$; exit 0")).status.signal == SIGUSR1);
    CHECK(ended(shell("kill -USR2 $$; exit 0")).status.signal == SIGUSR2);
    CHECK(ended(shell("kill -PIPE $$; exit 0")).status.signal == SIGPIPE);
    CHECK(handled == 0);
    ::raise(SIGUSR1);
    CHECK(handled == 1);
    sigset_t now;
    REQUIRE(::sigprocmask(SIG_SETMASK, &before, &now) == 0);
    CHECK(sigismember(&now, SIGUSR2) == 1);
    CHECK(sigismember(&now, SIGUSR1) == 0);
    ::sigaction(SIGUSR1, &before_usr1, nullptr);
    ::sigaction(SIGPIPE, &before_pipe, nullptr);
}

TEST_CASE("event/child: the parent's identity is not the child's to change") {
    if (::geteuid() != 0) {
        WARN("skipped: needs root");
        return;
    }
    constexpr uid_t kSomebody = 61234;
    auto spec = shell("test $(id -u) = 61234 && test $(id -g) = 61235 && test $(id -G) = 61235");
    spec.uid = kSomebody;
    spec.gid = kSomebody + 1;
    CHECK(ended(spec).status.exit_status == 0);
    CHECK(::geteuid() == 0);
    CHECK(::getegid() == 0);
}
