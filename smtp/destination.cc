#include "smtp/destination.h"

#include <array>
#include <utility>

#include <netdb.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/mail/hostname.h"
#include "lib/mail/idna.h"

namespace relais::smtp_client {

namespace {

// The usual services need no file, which a chroot may lack.
constexpr std::array<std::pair<std::string_view, std::uint16_t>, 6> kServices{{
    {"smtp", 25},
    {"lmtp", 24},
    {"submission", 587},
    {"smtps", 465},
    {"submissions", 465},
    {"ssmtp", 465},
}};

Result<std::uint16_t> port_number(const std::string& service) {
    if (auto number = parse_uint(service)) {
        if (*number == 0 || *number > 65535) {
            return fail(Errc::kSyntax, format("bad TCP port: {}", service));
        }
        return static_cast<std::uint16_t>(*number);
    }
    for (const auto& [name, port] : kServices) {
        if (name == service) {
            return port;
        }
    }
    const servent* entry = ::getservbyname(service.c_str(), "tcp");
    if (entry == nullptr) {
        return fail(Errc::kNotFound, format("unknown service: {}/tcp", service));
    }
    return static_cast<std::uint16_t>(entry->s_port >> 8 | (entry->s_port & 0xff) << 8);
}

}  // namespace

Result<Destination> parse_destination(std::string_view text, const Settings& settings) {
    Destination destination;
    destination.text = text;
    if (settings.protocol == Protocol::kLmtp) {
        if (text.starts_with("unix:")) {
            destination.unix_path = text.substr(5);
            destination.use_mx = false;
            return destination;
        }
        text = text.starts_with("inet:") ? text.substr(5) : text;
    }
    auto parts = parse_host_port(text, settings.tcp_port);
    if (!parts) {
        return fail_with(parts);
    }
    auto port = port_number(parts->port);
    if (!port) {
        return fail_with(port);
    }
    destination.port = *port;
    destination.use_mx = !parts->bracketed && settings.mx_lookups;
    destination.host = parts->bracketed && istarts_with(parts->host, "ipv6:")
                           ? parts->host.substr(5)
                           : parts->host;
    if (!is_ascii(destination.host)) {
        auto ascii = domain_to_ascii(destination.host);
        if (!ascii) {
            return fail(Errc::kSyntax, "malformed domain name: " + destination.host);
        }
        destination.host = *ascii;
    }
    return destination;
}

std::vector<std::string> split_nexthop(std::string_view nexthop) {
    std::vector<std::string> list;
    for (std::string_view one : split_words(nexthop, " \t\r\n,")) {
        list.emplace_back(one);
    }
    return list;
}

}  // namespace relais::smtp_client
