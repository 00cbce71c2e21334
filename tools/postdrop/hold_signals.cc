#include "tools/postdrop/hold_signals.h"

#include <csignal>

namespace relais {

void hold_signals() {
    sigset_t all;
    ::sigfillset(&all);
    struct sigaction sandbox{};
    if (::sigaction(SIGSYS, nullptr, &sandbox) == 0 && (sandbox.sa_flags & SA_SIGINFO) != 0) {
        ::sigdelset(&all, SIGSYS);  // it hears of refused calls, and of nothing that others send
    }
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace relais
