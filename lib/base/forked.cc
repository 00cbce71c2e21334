#include "lib/base/forked.h"

#include <algorithm>

#include <signal.h>
#include <unistd.h>

namespace relais {

void close_all_but(int fd, int other) {
    auto low = static_cast<unsigned>(std::min(fd, other));
    auto high = static_cast<unsigned>(std::max(fd, other));
    constexpr unsigned kFirst = STDERR_FILENO + 1;
    if (other < 0) {
        low = high;
    }
    if (low > kFirst) {
        ::close_range(kFirst, low - 1, 0);
    }
    if (high > low + 1) {
        ::close_range(low + 1, high - 1, 0);
    }
    ::close_range(high + 1, ~0U, 0);
}

void default_signals() {
    for (int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGCHLD, SIGUSR1, SIGUSR2}) {
        ::signal(number, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace relais
