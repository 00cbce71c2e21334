// What is a host name, an address literal, an IP address: the checks behind SMTP's HELO, address
// literals, access tables and the resolver.  Nothing here logs; the caller knows why it asked.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

// RFC 1123 names, as used in mail: letters, digits, "-", "_", non-ASCII bytes; labels of 1 to 63
// bytes not beginning or ending with "-"; 255 bytes in all; not only digits and dots.
[[nodiscard]] bool is_hostname(std::string_view name);
// The same, with the reason in words ("misplaced delimiter"), for a log line.
[[nodiscard]] Result<void> check_hostname(std::string_view name);

[[nodiscard]] bool is_ipv4(std::string_view text);
[[nodiscard]] bool is_ipv6(std::string_view text);
[[nodiscard]] bool is_ip_address(std::string_view text);

// The address inside "[...]" of a literal: 10.0.0.1 or IPv6:2001:db8::1 (RFC 5321 4.1.3), or with
// no tag.  Without brackets: is_address_literal("[10.0.0.1]"), literal_address("IPv6:::1").
[[nodiscard]] bool is_address_literal(std::string_view bracketed);
// The bare IP address of what stands between the brackets: "IPv6:::1" gives "::1"; "" if it is
// none.
[[nodiscard]] std::string literal_address(std::string_view inside);

// "[addr]:port", "host:port", "[host]:port", "host": a destination as main.cf and tables write it.
struct HostPort {
    std::string host;
    std::string port;
    bool bracketed = false;
};

[[nodiscard]] Result<HostPort> parse_host_port(std::string_view text,
                                               std::string_view default_port);

}  // namespace relais
