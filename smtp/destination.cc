#include "smtp/destination.h"

#include <algorithm>
#include <utility>

#include <netdb.h>

#include "lib/base/format.h"
#include "lib/base/known_ports.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/hostname.h"
#include "lib/mail/idna.h"

namespace relais::smtp_client {

namespace {

Result<std::uint16_t> port_number(const std::string& service) {
    if (auto number = parse_uint(known_port(service))) {
        if (*number == 0 || *number > 65535) {
            return fail(Errc::kSyntax, format("bad TCP port: {}", service));
        }
        return static_cast<std::uint16_t>(*number);
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
            destination.text = destination.unix_path;
            destination.use_mx = false;
            return destination;
        }
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
    const auto& services = settings.srv_services;
    if (!parts->bracketed && std::ranges::find(services, parts->port) != services.end()) {
        destination.srv_service = parts->port;
    }
    destination.host = parts->bracketed && istarts_with(parts->host, "ipv6:")
                           ? parts->host.substr(5)
                           : parts->host;
    if (!is_ascii(destination.host)) {
        auto ascii = conf().enable_idna2003_compatibility() ? domain_to_ascii_2003(destination.host)
                                                            : domain_to_ascii(destination.host);
        if (!ascii) {
            return fail(Errc::kSyntax, "malformed domain name: " + destination.host);
        }
        destination.host = *ascii;
    }
    return destination;
}

std::vector<std::string> split_nexthop(std::string_view nexthop, Protocol protocol) {
    std::vector<std::string> list;
    if (protocol == Protocol::kLmtp) {
        if (nexthop.starts_with("unix:")) {
            list.emplace_back(nexthop);
            return list;
        }
        nexthop = nexthop.starts_with("inet:") ? nexthop.substr(5) : nexthop;
    }
    for (std::string_view one : split_words(nexthop, " \t\r\n,")) {
        list.emplace_back(one);
    }
    return list;
}

}  // namespace relais::smtp_client
