// A numeric IPv4 or IPv6 address with a port.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace relais {

class SocketAddress {
  public:
    SocketAddress() = default;

    // "192.0.2.1" or "2001:db8::1", without brackets.  Nothing where it is no numeric address.
    static std::optional<SocketAddress> parse(std::string_view host, std::uint16_t port);
    static SocketAddress from(const sockaddr* address, socklen_t size);

    // The two ends of a connected socket; nothing for other kinds of descriptors.
    static std::optional<SocketAddress> peer_of(int fd);
    static std::optional<SocketAddress> local_of(int fd);

    int family() const { return storage_.ss_family; }

    bool is_ip() const { return family() == AF_INET || family() == AF_INET6; }

    // The address without the port.  IPv4 addresses that IPv6 sockets wrap come out as IPv4.
    std::string host() const;
    std::uint16_t port() const;
    void set_port(std::uint16_t port);

    // "192.0.2.1:25" or "[2001:db8::1]:25".
    std::string to_string() const;

    // The address bytes in network order: 4 or 16 of them.
    std::string_view bytes() const;

    const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }

    socklen_t size() const { return size_; }

    friend bool operator==(const SocketAddress& a, const SocketAddress& b) {
        return a.family() == b.family() && a.port() == b.port() && a.bytes() == b.bytes();
    }

  private:
    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

}  // namespace relais
