// Who the client is, and which address of ours it came to: what the socket says, or the proxy in
// front of us.
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "lib/base/escape.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/config/config.h"
#include "lib/event/socket.h"
#include "lib/smtp/proxy_header.h"

#include "postscreen/client.h"

namespace relais::postscreen {

namespace {

// Takes the header and not a byte more.  An incomplete header is all the proxy's, so that it can be
// taken at once; nothing where the connection is good for nothing (logged).
Task<std::optional<smtp::ProxyHeader>> take_proxy_header(int fd, Deadline deadline) {
    std::string bytes;
    for (;;) {
        std::array<char, smtp::kLongestProxyHeader> more{};
        co_await wait_fd_readable(fd, deadline);
        const auto got = ::recv(fd, more.data(), more.size(), MSG_PEEK | MSG_DONTWAIT);
        if (got <= 0) {
            log_warning("haproxy read: {}", got == 0 ? "EOF" : std::strerror(errno));
            co_return std::nullopt;
        }
        const auto had = bytes.size();
        bytes.append(more.data(), static_cast<std::size_t>(got));
        const auto header = smtp::parse_proxy_header(bytes);
        if (header.state == smtp::ProxyHeader::State::kMalformed) {
            log_warning("haproxy read: {}: {}", header.trouble, escaped(bytes));
            co_return std::nullopt;
        }
        const bool complete = header.state == smtp::ProxyHeader::State::kComplete;
        const auto taken = (complete ? header.size : bytes.size()) - had;
        if (::recv(fd, more.data(), taken, MSG_DONTWAIT) != static_cast<ssize_t>(taken)) {
            co_return std::nullopt;
        }
        if (complete) {
            co_return header;
        }
    }
}

}  // namespace

Task<bool> Client::read_proxy_header() {
    std::optional<smtp::ProxyHeader> header;
    try {
        header = co_await take_proxy_header(
            fd_.get(), Deadline::after(conf().postscreen_upstream_proxy_timeout()));
    } catch (const TimedOut&) {
        log_warning("haproxy read: time limit exceeded");
    }
    if (!header) {
        co_return false;
    }
    if (header->proxied) {
        address_ = header->client.host();
        port_ = std::to_string(header->client.port());
        server_address_ = header->server.host();
        server_port_ = std::to_string(header->server.port());
    }
    co_return true;
}

Task<bool> Client::find_endpoints() {
    if (const auto& protocol = conf().postscreen_upstream_proxy_protocol(); !protocol.empty()) {
        const bool understood = co_await read_proxy_header();
        if (!understood || !address_.empty()) {
            co_return understood;
        }
    }
    const auto peer = SocketAddress::peer_of(fd_.get());
    const auto own = SocketAddress::local_of(fd_.get());
    if (!peer || !peer->is_ip() || !own || !own->is_ip()) {
        log_warning("getpeername: {} -- dropping this connection", std::strerror(errno));
        co_return false;
    }
    address_ = peer->host();
    port_ = std::to_string(peer->port());
    server_address_ = own->host();
    server_port_ = std::to_string(own->port());
    co_return true;
}

}  // namespace relais::postscreen
