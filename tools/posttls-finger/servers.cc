#include "tools/posttls-finger/servers.h"

#include <algorithm>
#include <random>

#include <arpa/inet.h>
#include <netdb.h>

#include "lib/base/known_ports.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/hostname.h"

namespace relais::finger {

namespace {

constexpr std::size_t kMostHosts = 100;  // of one domain
constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kInet = "inet:";

std::uint16_t port_number(const std::string& service) {
    auto number = parse_uint(known_port(service));
    if (number && *number > 0 && *number <= 65535) {
        return static_cast<std::uint16_t>(*number);
    }
    const servent* entry = ::getservbyname(service.c_str(), "tcp");
    if (entry == nullptr) {
        log_fatal("unknown service: {}/tcp", service);
    }
    return ntohs(static_cast<std::uint16_t>(entry->s_port));
}

// "smtp" must be known to nobody.
std::uint16_t port_of(const std::string& service) {
    if (service == "smtp" && known_port(service) == service &&
        ::getservbyname("smtp", "tcp") == nullptr) {
        return 25;
    }
    return port_number(service);
}

struct Host {
    std::string name;
    std::uint16_t port = 0;
};

// Adds the addresses of a host; the reason why there are none.
Task<std::string> add_host(Resolver* resolver, const Options* options, Host host,
                           AddressFamilies families, std::vector<Server>* servers) {
    std::string reason;
    for (HostSource source : options->host_lookup) {
        HostAddresses found =
            co_await resolve_host(resolver, host.name, families, source, DnsValidation::kWanted);
        for (const auto& address : found.addresses) {
            servers->push_back({host.name, address, host.port, found.name, found.authentic});
        }
        if (found.found()) {
            co_return std::string();
        }
        reason = found.reason;
    }
    co_return std::move(reason);
}

// Those of one family before all others.
void prefer_family(std::vector<Server>& servers, Preference preference) {
    bool ipv6_first = preference == Preference::kIpv6;
    if (preference == Preference::kAny) {
        ipv6_first = (std::random_device{}() & 1U) != 0;
    }
    // In their old order otherwise; there are few.
    std::vector<Server> others;
    std::erase_if(servers, [&](Server& one) {
        bool is_other = is_ipv6(one.address) != ipv6_first;
        if (is_other) {
            others.push_back(std::move(one));
        }
        return is_other;
    });
    std::ranges::move(others, std::back_inserter(servers));
}

std::vector<Host> hosts_of(DnsAnswer& answer, std::uint16_t port) {
    std::ranges::sort(answer.records, {}, &DnsRecord::preference);
    std::vector<Host> out;
    for (const auto& record : answer.records) {
        if (out.size() < kMostHosts && record.text != ".") {
            out.push_back({record.text, record.port != 0 ? record.port : port});
        }
    }
    return out;
}

// Whom the domain names for its mail.  Nothing: it is a host itself.
struct Named {
    std::vector<Host> hosts;
    std::string canonical;
    bool secure = true;
};

Task<Result<Named>> named_hosts(Resolver* resolver, const Options* options,
                                const Destination* destination) {
    if (options->asks_srv) {
        std::string question = format("_{}._tcp.{}", destination->service, destination->domain);
        DnsAnswer srv = co_await resolver->lookup(question, DnsType::kSrv, DnsValidation::kWanted);
        if (srv.found()) {
            co_return Named{hosts_of(srv, destination->port), srv.name, srv.authentic};
        }
        if (srv.status != DnsStatus::kNotFound) {
            co_return fail(Errc::kTemporary, srv.reason);
        }
    }
    DnsAnswer mx =
        co_await resolver->lookup(destination->domain, DnsType::kMx, DnsValidation::kWanted);
    if (mx.found()) {
        co_return Named{hosts_of(mx, destination->port), mx.name, mx.authentic};
    }
    if (mx.status != DnsStatus::kNotFound) {
        co_return fail(Errc::kNotFound, mx.reason);
    }
    co_return Named();
}

}  // namespace

Destination parse_destination(const Options& options) {
    Destination out;
    std::string_view text = options.destination;
    if (options.lmtp && text.starts_with(kUnix)) {
        out.shown = text;
        out.path = text.substr(kUnix.size());
        return out;
    }
    if (options.lmtp && text.starts_with(kInet)) {
        text.remove_prefix(kInet.size());
    }
    out.shown = text;
    auto parts = parse_host_port(text, options.lmtp ? "24" : "smtp");
    if (!parts) {
        log_fatal(
            "{} in server description: {}",
            text.starts_with('[') && !text.contains(']') ? "missing \"]\"" : "bad host or port",
            text);
    }
    if (!is_hostname(parts->host) && !is_ip_address(parts->host) &&
        literal_address(parts->host).empty()) {
        log_fatal("valid hostname or network address required in server description: {}", text);
    }
    out.domain = parts->host;
    out.service = parts->port;
    out.port = port_of(parts->port);
    out.is_host = parts->bracketed || options.lmtp;
    if (std::string address = literal_address(parts->host); !address.empty()) {
        out.domain = address;
    }
    return out;
}

Task<Result<ServerList>> find_servers(Resolver* resolver, const Options* options,
                                      const Destination* destination, ProtocolFamilies families) {
    Named named;
    if (!destination->is_host) {
        auto found = co_await named_hosts(resolver, options, destination);
        if (!found) {
            co_return fail_with(found);
        }
        named = std::move(*found);
    }
    ServerList list;
    list.secure = named.secure;
    if (named.hosts.empty()) {
        named.hosts.push_back({destination->domain, destination->port});
    } else {
        list.domain = destination->domain;
        list.canonical = named.canonical;
    }
    std::string reason;
    AddressFamilies wanted{families.ipv4, families.ipv6};
    for (const Host& host : named.hosts) {
        std::string why = co_await add_host(resolver, options, host, wanted, &list.servers);
        reason = why.empty() ? reason : why;
    }
    if (list.servers.empty()) {
        co_return fail(Errc::kNotFound, reason);
    }
    prefer_family(list.servers, options->family);
    co_return std::move(list);
}

}  // namespace relais::finger
