#include "lib/daemon/root_helper.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/daemon/daemon.h"
#include "lib/event/socket.h"

namespace relais {

RootHelper::RootHelper(const std::function<void(int)>& serve)
    : since_(std::chrono::steady_clock::now()) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) < 0) {
        log_fatal("socketpair: {}", std::strerror(errno));
    }
    channel_.reset(pair[0]);
    UniqueFd theirs(pair[1]);
    log_flush();
    pid_t pid = ::fork();
    if (pid < 0) {
        log_fatal("fork: {}", std::strerror(errno));
    }
    if (pid > 0) {
        return;
    }
    channel_.reset();
    if (process_info().has_master) {
        // The ties to master are the parent's.
        for (int fd = kFlowReadFd; fd <= kListenFd; ++fd) {
            ::close(fd);
        }
    }
    serve(theirs.get());
    log_flush(1000);
    ::_exit(0);
}

bool RootHelper::is_gone() const {
    char byte = 0;
    ssize_t got = ::recv(channel_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

Task<void> RootHelper::watch() const {
    do {
        co_await wait_fd_readable(channel_.get());
    } while (!is_gone());
    log_warning("the helper process of this service has ended: both are started anew");
    auto rest = std::chrono::seconds(1) - (std::chrono::steady_clock::now() - since_);
    if (rest > std::chrono::seconds(0)) {
        co_await sleep_for(std::chrono::ceil<std::chrono::milliseconds>(rest));
    }
    log_flush(1000);
    ::_exit(0);
}

}  // namespace relais
