#include "lib/ipc/blocking_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

namespace relais {

namespace {

void set_socket_timeouts(int fd, std::chrono::milliseconds timeout) {
    timeval limit = {};
    limit.tv_sec = timeout.count() / 1000;
    limit.tv_usec = (timeout.count() % 1000) * 1000;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

}  // namespace

BlockingClient::BlockingClient(ServiceAddress address, std::chrono::milliseconds timeout)
    : address_(std::move(address)), timeout_(timeout) {
}

Result<void> BlockingClient::connect() {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    if (address_.socket.size() >= sizeof name.sun_path) {
        return fail(Errc::kTooLarge, "connect to " + address_.socket + ": path is too long");
    }
    std::ranges::copy(address_.socket, name.sun_path);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) {
        return fail_errno("socket");
    }
    set_socket_timeouts(fd.get(), timeout_);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
        return fail_errno("connect to " + address_.socket);
    }
    fd_ = std::move(fd);
    in_.clear();
    if (address_.protocol.empty()) {
        return {};
    }
    auto hello = read_list();
    if (!hello) {
        return fail_with(hello);
    }
    AttrReader reader(*hello);
    if (reader.string("protocol") != address_.protocol) {
        return fail(Errc::kCorrupt, address_.socket + " service: unexpected protocol announcement");
    }
    return {};
}

Result<Attributes> BlockingClient::read_list() {
    for (;;) {
        AttrParse parse = parse_attributes(in_, address_.encoding);
        if (parse.status == AttrParse::Status::kComplete) {
            in_.erase(0, parse.length);
            return std::move(parse.attributes);
        }
        if (parse.status == AttrParse::Status::kMalformed || in_.size() > kMaxAttrList) {
            return fail(Errc::kCorrupt, address_.socket + " service: malformed reply");
        }
        std::array<char, 4096> block;
        ssize_t got = ::recv(fd_.get(), block.data(), block.size(), 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail_errno(address_.socket + " service");
        }
        if (got == 0) {
            return fail(Errc::kClosed, address_.socket + " service: connection lost");
        }
        in_.append(block.data(), static_cast<std::size_t>(got));
    }
}

Result<Attributes> BlockingClient::try_call(const std::string& request) {
    if (!fd_) {
        if (auto connected = connect(); !connected) {
            return fail_with(connected);
        }
    }
    for (std::size_t sent = 0; sent < request.size();) {
        ssize_t count =
            ::send(fd_.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR) {
            return fail_errno(address_.socket + " service");
        }
        sent += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    return read_list();
}

Result<Attributes> BlockingClient::call(const std::string& request) {
    bool reused = static_cast<bool>(fd_);
    auto reply = try_call(request);
    if (!reply && reused) {
        fd_.reset();
        reply = try_call(request);
    }
    if (!reply) {
        fd_.reset();
    }
    return reply;
}

}  // namespace relais
