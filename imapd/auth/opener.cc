#include "imapd/auth/opener.h"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/fd_message.h"
#include "lib/base/file.h"
#include "lib/daemon/daemon.h"

namespace relais {

namespace {

Result<UniqueFd> receive_answer(int channel) {
    std::int32_t reason = 0;
    UniqueFd fd;
    ssize_t got = -1;
    do {
        got = receive_with_fd(channel, {reinterpret_cast<char*>(&reason), sizeof(reason)}, fd);
    } while (got < 0 && errno == EINTR);
    if (got != sizeof(reason)) {
        return fail(Errc::kClosed, "the file opener is gone");
    }
    if (reason != 0 || !fd) {
        return fail_errno("open", reason);
    }
    return fd;
}

}  // namespace

Opener::Opener(std::vector<std::string> paths) : paths_(std::move(paths)) {
    if (!process_info().privileged || paths_.empty()) {
        return;
    }
    helper_.emplace([this](int channel) { serve(channel); });
}

void Opener::serve(int channel) const {
    // Nothing of what the service has open is needed here.
    constexpr int kFd = 3;
    ::dup2(channel, kFd);
    ::close_range(kFd + 1, ~0U, 0);
    std::uint32_t index = 0;
    while (::recv(kFd, &index, sizeof(index), 0) == sizeof(index)) {
        if (index >= paths_.size()) {
            return;
        }
        auto opened = open_file(paths_[index], O_RDONLY | O_NONBLOCK);
        // An errno, with a descriptor beside it when that is zero.
        std::int32_t reason = opened ? 0 : opened.error().sys_errno;
        std::string_view bytes(reinterpret_cast<const char*>(&reason), sizeof(reason));
        if (send_with_fd(kFd, bytes, opened ? opened->get() : -1) < 0) {
            return;
        }
    }
}

Result<UniqueFd> Opener::open(std::size_t index) {
    if (!helper_) {
        return open_file(paths_[index], O_RDONLY | O_NONBLOCK);
    }
    auto wanted = static_cast<std::uint32_t>(index);
    if (::send(helper_->channel(), &wanted, sizeof(wanted), MSG_NOSIGNAL) != sizeof(wanted)) {
        return fail(Errc::kClosed, "the file opener is gone");
    }
    auto fd = receive_answer(helper_->channel());
    if (!fd && fd.error().code == Errc::kSystem) {
        return fail_errno("open " + paths_[index], fd.error().sys_errno);
    }
    return fd;
}

Task<void> Opener::watch() const {
    if (helper_) {
        co_await helper_->watch();
    }
}

}  // namespace relais
