#include "lib/base/fd_message.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace relais {

namespace {

// Aligned, it has room for more descriptors than one: whoever sends decides how many come.
struct Control {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

}  // namespace

ssize_t send_with_fd(int socket, std::string_view bytes, int fd) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    Control control;
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t receive_with_fd(int socket, std::span<char> bytes, UniqueFd& fd) {
    iovec part{bytes.data(), bytes.size()};
    Control control;
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) {
        return got;
    }
    fd.reset();
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= header->cmsg_len;
             at += sizeof(int)) {
            int received = -1;
            std::memcpy(&received, reinterpret_cast<const char*>(header) + at, sizeof received);
            UniqueFd one(received);
            if (!fd) {
                fd = std::move(one);
            }
        }
    }
    return got;
}

}  // namespace relais
