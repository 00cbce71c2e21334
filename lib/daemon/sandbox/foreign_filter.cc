#include "lib/daemon/sandbox/foreign_filter.h"

#include <cerrno>
#include <cstring>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"

namespace relais {

namespace {

constexpr int kFiltered = 2;  // SECCOMP_MODE_FILTER, as PR_GET_SECCOMP answers

// A child whose end nobody wants to know leaves none; the handlers of the process know nothing of
// ours.
class KeepsChildren {
  public:
    KeepsChildren() {
        struct sigaction usual{};
        usual.sa_handler = SIG_DFL;
        ::sigaction(SIGCHLD, &usual, &before_);
    }

    KeepsChildren(const KeepsChildren&) = delete;
    KeepsChildren& operator=(const KeepsChildren&) = delete;

    ~KeepsChildren() { ::sigaction(SIGCHLD, &before_, nullptr); }

  private:
    struct sigaction before_{};
};

// With no trace of its end but the kernel's log.
[[noreturn]] void try_in_child(void (*call)()) {
    ::signal(SIGSYS, SIG_DFL);
    ::prctl(PR_SET_DUMPABLE, 0);
    call();
    ::_exit(0);
}

// As waitpid() has it.  Whoever can make it fail could otherwise have this process do without a
// sandbox.
int status_of_trial(void (*call)()) {
    const KeepsChildren keeps;
    const pid_t child = ::fork();
    if (child == 0) {
        try_in_child(call);
    }
    int status = 0;
    pid_t ended = -1;
    do {
        ended = child < 0 ? child : ::waitpid(child, &status, 0);
    } while (child > 0 && ended < 0 && errno == EINTR);
    if (ended < 0) {
        log_fatal("sandbox: {}: {}", child < 0 ? "fork" : "wait", std::strerror(errno));
    }
    return status;
}

}  // namespace

bool is_survived(void (*call)()) {
    if (::prctl(PR_GET_SECCOMP) != kFiltered) {
        return true;
    }
    const int status = status_of_trial(call);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
        return false;
    }
    if (!WIFEXITED(status)) {
        log_fatal("sandbox: who tried a system call was ended by signal {}", WTERMSIG(status));
    }
    return true;
}

}  // namespace relais
