#include "tools/postdrop/hold_signals.h"

#include <csignal>

namespace relais {

void hold_signals() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace relais
