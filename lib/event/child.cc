#include "lib/event/child.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sched.h>
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
    pointers.reserve(strings.size() + 1);
    for (const auto& text : strings) {
        pointers.push_back(const_cast<char*>(text.c_str()));
    }
    pointers.push_back(nullptr);
    return pointers;
}

// For good: no id is left that the program could go back to.  The parent may be acting as somebody
// else just now, with root's ids behind that: then the child is that user where it is not told
// whom.  (The system calls themselves: the C library's functions would make the parent's threads
// follow.)
bool become(const ChildSpec& spec) {
    const uid_t uid = ::geteuid();
    const gid_t gid = ::getegid();
    const bool acting = ::getuid() == 0 && uid != 0;
    if (acting && !set_effective_uid(0)) {
        return false;
    }
    if (spec.gid || acting) {
        const gid_t wanted = spec.gid.value_or(gid);
        if (::syscall(SYS_setgroups, 0, nullptr) != 0 ||
            ::syscall(SYS_setresgid, wanted, wanted, wanted) != 0) {
            return false;
        }
    }
    if (spec.uid || acting) {
        const uid_t wanted = spec.uid.value_or(uid);
        return ::syscall(SYS_setresuid, wanted, wanted, wanted) == 0;
    }
    return true;
}

// With root's rights, which are behind those that the parent may be acting with.
bool change_root(const std::string& root) {
    if (root.empty()) {
        return true;
    }
    const bool acting = ::getuid() == 0 && ::geteuid() != 0;
    const uid_t uid = ::geteuid();
    if (acting && !set_effective_uid(0)) {
        return false;
    }
    const bool changed = ::chroot(root.c_str()) == 0 && ::chdir("/") == 0;
    const int error = errno;
    const bool back = !acting || set_effective_uid(uid);
    errno = changed ? errno : error;
    return changed && back;
}

const std::string& program_of(const ChildSpec& spec) {
    return spec.program.empty() ? spec.argv[0] : spec.program;
}

bool place_descriptor(int from, int to) {
    int fd = from >= 0 ? from : ::open("/dev/null", O_RDWR);
    return fd >= 0 && (fd == to ? ::fcntl(fd, F_SETFD, 0) == 0 : ::dup2(fd, to) >= 0);
}

enum class Step { kDescriptors, kRoot, kIdentity, kDirectory, kProgram };

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
    if (!change_root(spec.root)) {
        return Step::kRoot;
    }
    if (!become(spec)) {
        return Step::kIdentity;
    }
    bool there = spec.directory.empty() || ::chdir(spec.directory.c_str()) == 0;
    return there ? Step::kProgram : Step::kDirectory;
}

// The parent's handlers are not for the child, which has the same memory.  What is ignored stays
// so, but for SIGPIPE.
void reset_signals() {
    constexpr int kFirstRealTime = 32;
    for (int number = 1; number < kFirstRealTime; ++number) {
        struct sigaction action{};
        bool known = ::sigaction(number, nullptr, &action) == 0;
        bool ignored = action.sa_handler == SIG_IGN && number != SIGPIPE;
        if (known && !ignored && action.sa_handler != SIG_DFL) {
            ::signal(number, SIG_DFL);
        }
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::optional<int> child_policy;  // NOLINT: of the process

// What the child is made of.
struct Start {
    const ChildSpec* spec;
    char* const* argv;
    char* const* environment;
    int report;
};

// Runs in the child until its exec, on the parent's memory: only system calls, and nothing is
// written that the parent reads.
int exec_child(void* start) {
    const auto& [spec, argv, environment, report] = *static_cast<const Start*>(start);
    if (spec->own_group) {
        ::setpgid(0, 0);
    }
    reset_signals();
    if (child_policy) {
        const sched_param none{};
        ::sched_setscheduler(0, *child_policy, &none);
    }
    Step step = prepare_child(*spec);
    if (step == Step::kProgram) {
        // Runs a script without "#!" with the shell, as every shell does.
        ::execvpe(program_of(*spec).c_str(), argv, environment);
    }
    Failure failure{step, errno};
    if (report >= 0) {
        [[maybe_unused]] ssize_t put = ::write(report, &failure, sizeof failure);
    }
    ::_exit(failure.error == ENOENT ? 127 : 126);
}

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)

// AddressSanitizer knows nothing of two processes in one memory.
pid_t divide(Start& start) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        exec_child(&start);
    }
    return pid;
}

#else

// As vfork(2), with a stack of the child's own: fork() would copy this process' page tables, and
// then page after page, for nothing.  Returns when the child is its program, or is gone.
pid_t divide(Start& start) {
    constexpr std::size_t kAligned = 16;
    constexpr std::size_t kForCalls = std::size_t{64} << 10;
    // execvpe() copies the arguments of a script to the stack.
    const std::size_t size = kForCalls + kAligned * start.spec->argv.size();
    const auto stack = std::make_unique_for_overwrite<std::byte[]>(size);
    return ::clone(exec_child, stack.get() + size, CLONE_VM | CLONE_VFORK | SIGCHLD, &start);
}

#endif

pid_t start_child(Start start) {
    // The child must not see a signal before it has put away the handlers.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = divide(start);
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return pid;
}

Error describe(const Failure& failure, const ChildSpec& spec) {
    std::string what;
    switch (failure.step) {
        case Step::kDescriptors:
            what = "cannot set up the descriptors of " + program_of(spec);
            break;
        case Step::kRoot:
            what = "chroot(" + spec.root + ")";
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
            what = "execvp " + program_of(spec);
            break;
    }
    Error described = fail_errno(std::move(what), failure.error).error();
    described.code = Errc::kDenied;
    return described;
}

}  // namespace

Result<Child> Child::start(const ChildSpec& spec) {
    auto argv = c_strings(spec.argv);
    auto environment = c_strings(spec.environment);
    int ends[2] = {-1, -1};
    if (spec.reports_failure && ::pipe2(ends, O_CLOEXEC) != 0) {
        return fail_errno("pipe");
    }
    UniqueFd report_read(ends[0]);
    UniqueFd report_write(ends[1]);
    const pid_t pid = start_child({&spec, argv.data(), environment.data(), report_write.get()});
    if (pid < 0) {
        return fail_errno("fork");
    }
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    Child child(pid, std::move(pidfd), std::move(report_read), spec.uid);
    if (!child.pidfd_) {
        auto error = fail_errno("pidfd_open");
        child.kill(SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return error;
    }
    return child;
}

static bool passes_by_itself(const Error& error) {
    return error.code != Errc::kDenied && (error.sys_errno == EAGAIN || error.sys_errno == ENOMEM);
}

Task<Result<Child>> Child::start(ChildSpec spec, ForkPatience patience) {
    for (int attempt = 1;; ++attempt) {
        auto child = start(spec);
        if (child || !passes_by_itself(child.error())) {
            co_return child;
        }
        log_warning("{}: {}", spec.argv.front(), child.error().message);
        if (attempt >= patience.attempts) {
            co_return child;
        }
        co_await sleep_for(patience.delay);
    }
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

std::optional<Error> Child::failure(const ChildSpec& spec) const {
    Failure failure{};
    ssize_t got = -1;
    // Never waits: with the child its end of the pipe is gone.
    while (report_ && (got = ::read(report_.get(), &failure, sizeof failure)) < 0 &&
           errno == EINTR) {
    }
    return got == sizeof failure ? std::optional(describe(failure, spec)) : std::nullopt;
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

void set_child_policy(int policy) {
    child_policy = policy;
}

}  // namespace relais
