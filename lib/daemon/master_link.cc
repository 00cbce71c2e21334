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

namespace {

constexpr std::chrono::milliseconds kRepeat{100};

}  // namespace

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
    latest_ = {.pid = static_cast<std::int32_t>(::getpid()),
               .generation = generation_,
               .available = available};
    send_latest();
}

// The channel is a socket pair with room for many reports, of all processes of the service.  When
// it is full only the latest one counts.
void MasterLink::send_latest() {
    if (!open_) {
        return;
    }
    if (::write(kStatusFd, &latest_, sizeof latest_) == sizeof latest_) {
        unsent_.clear();
    } else if (errno == EAGAIN) {
        unsent_.set();
    } else {
        open_ = false;
    }
}

Task<void> MasterLink::repeat_reports() {
    for (;;) {
        co_await unsent_.wait();
        co_await sleep_for(kRepeat);
        if (unsent_.is_set()) {
            send_latest();
        }
    }
}

void MasterLink::report(Availability state) {
    if (state == state_) {
        return;
    }
    state_ = state;
    switch (state) {
        case Availability::kFree:
            // With the capacity, in case its announcement is overtaken by this.
            send((capacity_ << kCapacityShift) | 1);
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
