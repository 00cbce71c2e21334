#include "lib/event/child.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/effective_ids.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
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
    // The parent may be acting as somebody else just now.
    bool acting = ::getuid() == 0 && ::geteuid() != 0;
    if (acting && (spec.gid || spec.uid) && !set_effective_uid(0)) {
        return false;
    }
    if (spec.gid && (::setgroups(0, nullptr) != 0 || ::setgid(*spec.gid) != 0)) {
        return false;
    }
    return !spec.uid || ::setuid(*spec.uid) == 0;
}

bool place_descriptor(int from, int to) {
    int fd = from >= 0 ? from : ::open("/dev/null", O_RDWR);
    return fd >= 0 && (fd == to ? ::fcntl(fd, F_SETFD, 0) == 0 : ::dup2(fd, to) >= 0);
}

enum class Step { kDescriptors, kIdentity, kDirectory, kProgram };

// What the child says when it cannot become the program.
struct Failure {
    Step step;
    int error;
};

Step prepare_child(const ChildSpec& spec) {
    if (!place_descriptor(spec.input, 0) || !place_descriptor(spec.output, 1) ||
        !place_descriptor(spec.error, 2)) {
        return Step::kDescriptors;
    }
    if (!become(spec)) {
        return Step::kIdentity;
    }
    bool there = spec.directory.empty() || ::chdir(spec.directory.c_str()) == 0;
    return there ? Step::kProgram : Step::kDirectory;
}

// Runs in the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void exec_child(const ChildSpec& spec, char* const* argv, char* const* environment,
                             int report) {
    if (spec.own_group) {
        ::setpgid(0, 0);
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    Step step = prepare_child(spec);
    if (step == Step::kProgram) {
        // Runs a script without "#!" with the shell, as every shell does.
        ::execvpe(argv[0], argv, environment);
    }
    Failure failure{step, errno};
    if (report >= 0) {
        [[maybe_unused]] ssize_t put = ::write(report, &failure, sizeof failure);
    }
    ::_exit(failure.error == ENOENT ? 127 : 126);
}

std::unexpected<Error> describe(const Failure& failure, const ChildSpec& spec) {
    std::string what;
    switch (failure.step) {
        case Step::kDescriptors:
            what = "cannot set up the descriptors of " + spec.argv[0];
            break;
        case Step::kIdentity:
            what = format("cannot become uid={} gid={}", spec.uid.value_or(::geteuid()),
                          spec.gid.value_or(::getegid()));
            break;
        case Step::kDirectory:
            what = format("cannot change directory to \"{}\" for uid={} gid={}", spec.directory,
                          spec.uid.value_or(::geteuid()), spec.gid.value_or(::getegid()));
            break;
        case Step::kProgram:
            what = "execvp " + spec.argv[0];
            break;
    }
    auto described = fail_errno(std::move(what), failure.error);
    described.error().code = Errc::kDenied;
    return described;
}

// The pipe closes by itself when the program takes over.
std::optional<Failure> read_failure(int report) {
    Failure failure{};
    ssize_t got;
    do {
        got = ::read(report, &failure, sizeof failure);
    } while (got < 0 && errno == EINTR);
    return got == sizeof failure ? std::optional(failure) : std::nullopt;
}

}  // namespace

Result<Child> Child::start(const ChildSpec& spec) {
    auto argv = c_strings(spec.argv);
    auto environment = c_strings(spec.environment);
    int ends[2] = {-1, -1};
    if (spec.wait_for_program && ::pipe2(ends, O_CLOEXEC) != 0) {
        return fail_errno("pipe");
    }
    UniqueFd report_read(ends[0]);
    UniqueFd report_write(ends[1]);
    pid_t pid = ::fork();
    if (pid < 0) {
        return fail_errno("fork");
    }
    if (pid == 0) {
        exec_child(spec, argv.data(), environment.data(), report_write.get());
    }
    report_write.reset();
    auto failure = report_read ? read_failure(report_read.get()) : std::nullopt;
    if (failure) {
        ::waitpid(pid, nullptr, 0);
        return describe(*failure, spec);
    }
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    Child child(pid, std::move(pidfd), spec.uid);
    if (!child.pidfd_) {
        auto error = fail_errno("pidfd_open");
        child.kill(SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return error;
    }
    return child;
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
    signal(pid_, signal_number);
}

void Child::kill_group(int signal_number) const {
    signal(-pid_, signal_number);
}

// As the child's user: to whom this process shows another effective uid, it may send nothing.
void Child::signal(pid_t target, int signal_number) const {
    uid_t now = ::geteuid();
    bool as_user = uid_ && *uid_ != now && ::getuid() == 0;
    if (as_user && (!set_effective_uid(0) || !set_effective_uid(*uid_))) {
        log_fatal("become uid {} to end its process: {}", *uid_, std::strerror(errno));
    }
    ::kill(target, signal_number);
    if (as_user && (!set_effective_uid(0) || !set_effective_uid(now))) {
        log_fatal("become uid {} again: {}", now, std::strerror(errno));
    }
}

}  // namespace relais
