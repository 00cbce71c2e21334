#include "imapd/auth/opener.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/daemon/daemon.h"

namespace relais {

namespace {

// An errno, with a descriptor beside it when that is zero.
void send_answer(int channel, std::int32_t reason, int fd) {
    iovec part{&reason, sizeof(reason)};
    std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    }
    if (::sendmsg(channel, &message, 0) < 0) {
        ::_exit(0);
    }
}

Result<UniqueFd> receive_answer(int channel) {
    std::int32_t reason = 0;
    iovec part{&reason, sizeof(reason)};
    std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t got = -1;
    do {
        got = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got != sizeof(reason)) {
        return fail(Errc::kClosed, "the file opener is gone");
    }
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (reason != 0 || header == nullptr) {
        return fail_errno("open", reason);
    }
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return UniqueFd(fd);
}

}  // namespace

Opener::Opener(std::vector<std::string> paths) : paths_(std::move(paths)) {
    if (!process_info().privileged || paths_.empty()) {
        return;
    }
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) < 0) {
        log_fatal("socketpair: {}", std::strerror(errno));
    }
    UniqueFd ours(pair[0]);
    UniqueFd theirs(pair[1]);
    pid_t pid = ::fork();
    if (pid < 0) {
        log_fatal("fork: {}", std::strerror(errno));
    }
    if (pid == 0) {
        ours.reset();
        // Everything else belongs to the parent: the status channel to master above all.
        ::dup2(theirs.get(), 3);
        ::close_range(4, ~0U, 0);
        serve(3);
        ::_exit(0);
    }
    channel_ = std::move(ours);
}

void Opener::serve(int fd) const {
    std::uint32_t index = 0;
    while (::recv(fd, &index, sizeof(index), 0) == sizeof(index)) {
        if (index >= paths_.size()) {
            return;
        }
        auto opened = open_file(paths_[index], O_RDONLY | O_NONBLOCK);
        send_answer(fd, opened ? 0 : opened.error().sys_errno, opened ? opened->get() : -1);
    }
}

Result<UniqueFd> Opener::open(std::size_t index) {
    if (!channel_) {
        return open_file(paths_[index], O_RDONLY | O_NONBLOCK);
    }
    auto wanted = static_cast<std::uint32_t>(index);
    if (::send(channel_.get(), &wanted, sizeof(wanted), MSG_NOSIGNAL) != sizeof(wanted)) {
        return fail_errno("ask the file opener");
    }
    auto fd = receive_answer(channel_.get());
    if (!fd && fd.error().code == Errc::kSystem) {
        return fail_errno("open " + paths_[index], fd.error().sys_errno);
    }
    return fd;
}

}  // namespace relais
