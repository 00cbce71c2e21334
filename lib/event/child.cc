#include "lib/event/child.h"

#include <cerrno>

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/event/socket.h"

namespace relais {

namespace {

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    for (const auto& text : strings) {
        pointers.push_back(const_cast<char*>(text.c_str()));
    }
    pointers.push_back(nullptr);
    return pointers;
}

bool become(const ChildSpec& spec) {
    if (spec.gid && (::setgroups(0, nullptr) != 0 || ::setgid(*spec.gid) != 0)) {
        return false;
    }
    return !spec.uid || ::setuid(*spec.uid) == 0;
}

bool place_descriptor(int from, int to) {
    int fd = from >= 0 ? from : ::open("/dev/null", O_RDWR);
    return fd >= 0 && (fd == to ? ::fcntl(fd, F_SETFD, 0) == 0 : ::dup2(fd, to) >= 0);
}

// Runs in the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void exec_child(const ChildSpec& spec, char* const* argv, char* const* environment) {
    if (spec.own_group) {
        ::setpgid(0, 0);
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    bool ready = place_descriptor(spec.input, 0) && place_descriptor(spec.output, 1) &&
                 place_descriptor(spec.error, 2) && become(spec) &&
                 (spec.directory.empty() || ::chdir(spec.directory.c_str()) == 0);
    if (ready) {
        ::execve(argv[0], argv, environment);
    }
    ::_exit(errno == ENOENT ? 127 : 126);
}

}  // namespace

Result<Child> Child::start(const ChildSpec& spec) {
    auto argv = c_strings(spec.argv);
    auto environment = c_strings(spec.environment);
    pid_t pid = ::fork();
    if (pid < 0) {
        return fail_errno("fork");
    }
    if (pid == 0) {
        exec_child(spec, argv.data(), environment.data());
    }
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
        auto error = fail_errno("pidfd_open");
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return error;
    }
    return Child(pid, std::move(pidfd));
}

Task<ChildStatus> Child::wait(Deadline deadline) {
    co_await wait_fd_readable(pidfd_.get(), deadline);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
        if (errno != EINTR) {
            throw IoError("waitpid", errno);
        }
    }
    if (WIFSIGNALED(status)) {
        co_return ChildStatus{.exit_status = 0, .signal = WTERMSIG(status)};
    }
    co_return ChildStatus{.exit_status = WEXITSTATUS(status), .signal = 0};
}

void Child::kill(int signal_number) const {
    ::kill(pid_, signal_number);
}

void Child::kill_group(int signal_number) const {
    ::kill(-pid_, signal_number);
}

}  // namespace relais
