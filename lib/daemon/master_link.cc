#include "lib/daemon/master_link.h"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/daemon/daemon.h"
#include "lib/event/socket.h"

namespace relais {

MasterLink::MasterLink() {
    if (const char* generation = std::getenv("GENERATION")) {
        auto value = parse_octal(generation);
        if (!value) {
            log_fatal("bad generation: {}", generation);
        }
        generation_ = static_cast<std::uint32_t>(*value);
    }
    if (const char* sessions = std::getenv("RELAIS_SESSIONS")) {
        sessions_granted_ = static_cast<int>(parse_uint(sessions).value_or(0));
    }
    if (::fcntl(kStatusFd, F_SETFD, FD_CLOEXEC) != 0 || !set_nonblocking(kStatusFd)) {
        log_fatal("no status channel on descriptor {}", kStatusFd);
    }
}

void MasterLink::send(int available) {
    MasterStatus status{.pid = static_cast<std::int32_t>(::getpid()),
                        .generation = generation_,
                        .available = available};
    // The channel is a socket pair with room for many reports; a full one means a stuck master.
    if (open_ && ::write(kStatusFd, &status, sizeof status) != sizeof status) {
        open_ = false;
    }
}

void MasterLink::report(Availability state) {
    if (state == state_) {
        return;
    }
    state_ = state;
    switch (state) {
        case Availability::kFree:
            send(1);
            break;
        case Availability::kWantsCompany:
            send(capacity_ << kCapacityShift);
            break;
        case Availability::kFull:
            send(0);
            break;
    }
}

void MasterLink::announce_capacity(int sessions) {
    if (sessions_granted_ > 0) {
        capacity_ = sessions;
        send((sessions << kCapacityShift) | 1);
    }
}

Task<void> MasterLink::wait_for_end() {
    for (;;) {
        co_await wait_fd_readable(kStatusFd);
        std::array<char, 64> bytes{};
        ssize_t got = ::read(kStatusFd, bytes.data(), bytes.size());
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            co_return;
        }
    }
}

}  // namespace relais
