// The PROXY protocol: see the header.  As strict as Postfix about what is in a header, so that both
// take the same client for the same; HAProxy's text is doc/proxy-protocol.txt, sections 2.1
// and 2.2.
#include "lib/smtp/proxy_header.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include <netinet/in.h>

#include "lib/base/strings.h"

namespace relais::smtp {
namespace {

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixedPart = 16;  // version 2: signature, command, family, length
constexpr unsigned char kVersion = 0x20, kVersionBits = 0xf0;
constexpr unsigned char kLocal = 0x20, kProxy = 0x21;
constexpr unsigned char kTcp4 = 0x11, kTcp6 = 0x21;

ProxyHeader malformed(std::string_view trouble) {
    ProxyHeader header;
    header.state = ProxyHeader::State::kMalformed;
    header.trouble = trouble;
    return header;
}

ProxyHeader incomplete(std::string_view missing) {
    ProxyHeader header;
    header.trouble = missing;
    return header;
}

ProxyHeader complete(std::size_t size) {
    ProxyHeader header;
    header.state = ProxyHeader::State::kComplete;
    header.size = size;
    return header;
}

// Whether `bytes` and `start` are the same as far as both go.
bool agrees(std::string_view bytes, std::string_view start) {
    const auto common = std::min(bytes.size(), start.size());
    return bytes.substr(0, common) == start.substr(0, common);
}

// An address of the family that the header promised.
std::optional<SocketAddress> parse_address(std::string_view text, int family) {
    auto address = SocketAddress::parse(text, 0);
    return address && address->family() == family ? address : std::nullopt;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    const auto port = parse_uint(text);
    const bool fits = port && text.size() <= 5 && *port <= 65535;
    return fits ? std::optional(static_cast<std::uint16_t>(*port)) : std::nullopt;
}

ProxyHeader parse_line(std::string_view bytes) {
    const auto end = bytes.substr(0, kLongestProxyHeader).find('\n');
    if (end == std::string_view::npos) {
        constexpr std::string_view kNoEnd = "missing protocol header terminator";
        return bytes.size() < kLongestProxyHeader ? incomplete(kNoEnd) : malformed(kNoEnd);
    }
    auto words = split_words(bytes.substr(0, end), " \r");
    words.resize(std::max(words.size(), std::size_t{6}));
    const bool v4 = words[1] == "TCP4";
    if (!v4 && words[1] != "TCP6") {
        return malformed("bad or missing protocol type");
    }
    auto client = parse_address(words[2], v4 ? AF_INET : AF_INET6);
    if (!client) {
        return malformed("bad or missing client address");
    }
    auto server = parse_address(words[3], v4 ? AF_INET : AF_INET6);
    if (!server) {
        return malformed("bad or missing server address");
    }
    const auto client_port = parse_port(words[4]);
    if (!client_port) {
        return malformed("bad or missing client port");
    }
    const auto server_port = parse_port(words[5]);
    if (!server_port) {
        return malformed("bad or missing server port");
    }
    client->set_port(*client_port);
    server->set_port(*server_port);
    auto header = complete(end + 1);
    header.proxied = true;
    header.client = *client;
    header.server = *server;
    return header;
}

// One of the two addresses of a binary header: `address` and `port` in network order.
SocketAddress binary_address(std::string_view address, std::string_view port) {
    std::uint16_t number = 0;
    std::memcpy(&number, port.data(), sizeof number);
    if (address.size() == sizeof(in_addr)) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = number;
        std::memcpy(&v4.sin_addr, address.data(), address.size());
        return SocketAddress::from(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    }
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = number;
    std::memcpy(&v6.sin6_addr, address.data(), address.size());
    return SocketAddress::from(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

// `bytes` holds the fixed part and `length` bytes more.
ProxyHeader parse_addresses(std::string_view bytes, unsigned char family, std::size_t length) {
    if (family != kTcp4 && family != kTcp6) {
        return malformed("unsupported network protocol");
    }
    const std::size_t width = family == kTcp4 ? sizeof(in_addr) : sizeof(in6_addr);
    if (length < 2 * width + 4) {
        return malformed("short address field");
    }
    const auto fields = bytes.substr(kFixedPart);
    auto header = complete(kFixedPart + length);
    header.proxied = true;
    header.client = binary_address(fields.substr(0, width), fields.substr(2 * width, 2));
    header.server = binary_address(fields.substr(width, width), fields.substr(2 * width + 2, 2));
    return header;
}

ProxyHeader parse_binary(std::string_view bytes) {
    constexpr std::string_view kShort = "short version 2 protocol header";
    if (bytes.size() < kFixedPart) {
        return incomplete(kShort);
    }
    const auto command = static_cast<unsigned char>(bytes[12]);
    const auto family = static_cast<unsigned char>(bytes[13]);
    if ((command & kVersionBits) != kVersion) {
        return malformed("unrecognized protocol version");
    }
    if (command != kLocal && command != kProxy) {
        return malformed("bad command in proxy header");
    }
    const std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(bytes[14]))
                                   << 8 |
                               static_cast<unsigned char>(bytes[15]);
    if (kFixedPart + length > kLongestProxyHeader) {
        return malformed(kShort);
    }
    if (bytes.size() < kFixedPart + length) {
        return incomplete(kShort);
    }
    return command == kLocal ? complete(kFixedPart + length)
                             : parse_addresses(bytes, family, length);
}

}  // namespace

std::string make_proxy_header(const SocketAddress& client, const SocketAddress& server) {
    auto byte = [](unsigned value) { return static_cast<char>(value & 0xffU); };
    auto port = [byte](const SocketAddress& address) {
        return std::string{byte(address.port() >> 8U), byte(address.port())};
    };
    std::string header(kSignature);
    if (!client.is_ip() || client.bytes().size() != server.bytes().size()) {
        header += {byte(kLocal), 0, 0, 0};
        return header;
    }
    std::string fields(client.bytes());
    fields += server.bytes();
    fields += port(client) + port(server);
    header += {byte(kProxy), byte(client.bytes().size() == sizeof(in_addr) ? kTcp4 : kTcp6), 0,
               byte(static_cast<unsigned>(fields.size()))};
    return header + fields;
}

ProxyHeader parse_proxy_header(std::string_view bytes) {
    if (bytes.size() < kLineStart.size() &&
        (agrees(bytes, kLineStart) || agrees(bytes, kSignature))) {
        return incomplete("short protocol header");
    }
    if (bytes.starts_with(kLineStart)) {
        return parse_line(bytes);
    }
    return agrees(bytes, kSignature) ? parse_binary(bytes)
                                     : malformed("unrecognized protocol header");
}

}  // namespace relais::smtp
