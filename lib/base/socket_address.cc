#include "lib/base/socket_address.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace relais {

// An IPv4 peer of an IPv6 socket looks like ::ffff:a.b.c.d; everybody else calls it a.b.c.d.
static std::optional<in_addr> mapped_ipv4(const sockaddr_in6& v6) {
    if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        return std::nullopt;
    }
    in_addr v4{};
    std::memcpy(&v4, &v6.sin6_addr.s6_addr[12], sizeof v4);
    return v4;
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view host, std::uint16_t port) {
    SocketAddress out;
    std::string text(host);
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage_);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage_);
    if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        out.size_ = sizeof *v4;
    } else if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        out.size_ = sizeof *v6;
    } else {
        return std::nullopt;
    }
    out.set_port(port);
    return out;
}

SocketAddress SocketAddress::from(const sockaddr* address, socklen_t size) {
    SocketAddress out;
    out.size_ = std::min<socklen_t>(size, sizeof out.storage_);
    std::memcpy(&out.storage_, address, out.size_);
    if (out.family() == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(out.storage_);
        if (auto v4 = mapped_ipv4(v6)) {
            in_port_t port = v6.sin6_port;
            out = SocketAddress();
            auto* plain = reinterpret_cast<sockaddr_in*>(&out.storage_);
            plain->sin_family = AF_INET;
            plain->sin_addr = *v4;
            plain->sin_port = port;
            out.size_ = sizeof *plain;
        }
    }
    return out;
}

using NameCall = int (*)(int, sockaddr*, socklen_t*);

static std::optional<SocketAddress> name_of(int fd, NameCall call) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (call(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
        return std::nullopt;
    }
    return SocketAddress::from(reinterpret_cast<sockaddr*>(&storage), size);
}

std::optional<SocketAddress> SocketAddress::peer_of(int fd) {
    return name_of(fd, ::getpeername);
}

std::optional<SocketAddress> SocketAddress::local_of(int fd) {
    return name_of(fd, ::getsockname);
}

std::string_view SocketAddress::bytes() const {
    if (family() == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage_);
        return {reinterpret_cast<const char*>(&v4.sin_addr), sizeof v4.sin_addr};
    }
    if (family() == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage_);
        return {reinterpret_cast<const char*>(&v6.sin6_addr), sizeof v6.sin6_addr};
    }
    return {};
}

// As inet_ntop(), which takes ten times as long, and smtpd asks for each client several times.
static std::string dotted(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        text.append(text.empty() ? 0 : 1, '.');
        text += std::to_string(static_cast<unsigned char>(byte));
    }
    return text;
}

std::string SocketAddress::host() const {
    if (family() == AF_INET) {
        return dotted(bytes());
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (!is_ip() || ::inet_ntop(family(), bytes().data(), text.data(),
                                static_cast<socklen_t>(text.size())) == nullptr) {
        return {};
    }
    return text.data();
}

std::uint16_t SocketAddress::port() const {
    if (family() == AF_INET) {
        return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
    }
    if (family() == AF_INET6) {
        return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
    }
    return 0;
}

void SocketAddress::set_port(std::uint16_t port) {
    if (family() == AF_INET) {
        reinterpret_cast<sockaddr_in&>(storage_).sin_port = htons(port);
    } else if (family() == AF_INET6) {
        reinterpret_cast<sockaddr_in6&>(storage_).sin6_port = htons(port);
    }
}

std::string SocketAddress::to_string() const {
    std::string port_text = std::to_string(port());
    return family() == AF_INET6 ? "[" + host() + "]:" + port_text : host() + ":" + port_text;
}

}  // namespace relais
