#include "lib/dns/host_lookup.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/hostname.h"

namespace relais {

namespace {

constexpr std::size_t kMostAddresses = 100;

bool wanted_family(const std::string& address, AddressFamilies families) {
    return is_ipv4(address) ? families.ipv4 : families.ipv6;
}

// Adds the answer of one type; a name that has one kind of address is found.
void merge(HostAddresses& result, DnsAnswer& answer) {
    if (answer.found()) {
        result.authentic =
            answer.authentic && (result.authentic || result.status != DnsStatus::kFound);
        result.status = DnsStatus::kFound;
        result.name = std::move(answer.name);
        for (DnsRecord& record : answer.records) {
            if (result.addresses.size() < kMostAddresses) {
                result.addresses.push_back(std::move(record.text));
            }
        }
        result.reason.clear();
        return;
    }
    if (result.status == DnsStatus::kFound || result.status == DnsStatus::kTemporary) {
        return;
    }
    result.status = answer.status;
    result.reason = std::move(answer.reason);
    result.filtered = answer.filtered;
}

Task<DnsAnswer> ask(Resolver* resolver, const std::string& host, DnsType type, HostSource source,
                    DnsValidation validation) {
    return source == HostSource::kNative ? resolver->look_up_unfiltered(host, type)
                                         : resolver->lookup(host, type, validation);
}

Task<HostAddresses> resolve_by_dns(Resolver* resolver, std::string host, AddressFamilies families,
                                   HostSource source, DnsValidation validation) {
    HostAddresses result;
    if (families.ipv4) {
        DnsAnswer answer = co_await ask(resolver, host, DnsType::kA, source, validation);
        merge(result, answer);
    }
    if (families.ipv6) {
        DnsAnswer answer = co_await ask(resolver, host, DnsType::kAaaa, source, validation);
        merge(result, answer);
    }
    co_return std::move(result);
}

HostAddresses from_hosts_file(Resolver* resolver, const std::string& host,
                              AddressFamilies families) {
    HostAddresses result;
    std::vector<std::string> listed = resolver->hosts().addresses(host);
    for (bool v4 : {true, false}) {
        for (const std::string& address : listed) {
            if (is_ipv4(address) == v4 && wanted_family(address, families)) {
                result.addresses.push_back(address);
                result.status = DnsStatus::kFound;
            }
        }
    }
    return result;
}

// The names to try for one that may not be fully qualified.
std::vector<std::string> search_names(Resolver* resolver, const std::string& host) {
    std::vector<std::string> names;
    bool qualified = host.find('.') != std::string::npos;
    if (qualified) {
        names.push_back(host);
    }
    if (!host.ends_with('.')) {
        for (const std::string& domain : resolver->search_domains()) {
            names.push_back(format("{}.{}", host, domain));
        }
    }
    if (!qualified) {
        names.push_back(host);
    }
    return names;
}

// In the words of getaddrinfo(3), which says less of why than DNS did.
std::string native_reason(const std::string& host, DnsStatus status) {
    const bool may_change = status == DnsStatus::kTemporary || status == DnsStatus::kFailed;
    return format(
        "unable to look up host {}: {}", host,
        may_change ? "Temporary failure in name resolution" : "Name or service not known");
}

Task<HostAddresses> resolve_natively(Resolver* resolver, std::string host,
                                     AddressFamilies families) {
    HostAddresses result = from_hosts_file(resolver, host, families);
    if (result.found()) {
        co_return std::move(result);
    }
    for (const std::string& name : search_names(resolver, host)) {
        HostAddresses tried = co_await resolve_by_dns(resolver, name, families, HostSource::kNative,
                                                      DnsValidation::kNone);
        if (tried.found()) {
            co_return std::move(tried);
        }
        if (tried.status != DnsStatus::kNotFound) {
            tried.reason = native_reason(host, tried.status);
            co_return std::move(tried);
        }
    }
    result.status = DnsStatus::kNotFound;
    result.reason = native_reason(host, result.status);
    co_return std::move(result);
}

}  // namespace

Task<HostAddresses> resolve_host(Resolver* resolver, std::string host, AddressFamilies families,
                                 HostSource source, DnsValidation validation) {
    if (is_ip_address(host)) {
        HostAddresses result;
        if (wanted_family(host, families)) {
            result.status = DnsStatus::kFound;
            result.addresses.push_back(std::move(host));
        } else {
            result.reason = format("no usable address family for {}", host);
        }
        co_return std::move(result);
    }
    if (source == HostSource::kNative) {
        co_return co_await resolve_natively(resolver, std::move(host), families);
    }
    co_return co_await resolve_by_dns(resolver, std::move(host), families, source, validation);
}

namespace {

// RFC 1035 3.5, RFC 3596 2.5
std::string reverse_domain(const SocketAddress& client) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    std::string_view bytes = client.bytes();
    std::string name;
    for (auto it = bytes.rbegin(); it != bytes.rend(); ++it) {
        auto byte = static_cast<unsigned char>(*it);
        if (bytes.size() == 4) {
            name += format("{}.", byte);
        } else {
            name += {kHex[byte & 15], '.', kHex[byte >> 4], '.'};
        }
    }
    return name + (bytes.size() == 4 ? "in-addr.arpa" : "ip6.arpa");
}

struct ReverseName {
    NameCode code = NameCode::kPermanent;
    std::string name;
};

Task<ReverseName> reverse_lookup(Resolver* resolver, SocketAddress client) {
    ReverseName result;
    result.name = resolver->hosts().name(client.host());
    if (!result.name.empty()) {
        result.code = NameCode::kOk;
        co_return std::move(result);
    }
    DnsAnswer answer = co_await resolver->lookup(reverse_domain(client), DnsType::kPtr);
    if (answer.found()) {
        result.code = NameCode::kOk;
        result.name = answer.records.front().text;
    } else if (answer.status == DnsStatus::kTemporary) {
        result.code = NameCode::kTemporary;
    }
    co_return std::move(result);
}

void check_forward(ClientName& client, const HostAddresses& forward, const std::string& address) {
    if (!forward.found()) {
        log_warning("hostname {} does not resolve to address {}: {}", client.reverse_name, address,
                    forward.status == DnsStatus::kTemporary ? "Temporary failure in name resolution"
                                                            : "Name or service not known");
        client.name_code =
            forward.status == DnsStatus::kTemporary ? NameCode::kTemporary : NameCode::kForged;
        return;
    }
    auto found = std::find(forward.addresses.begin(), forward.addresses.end(), address);
    if (found == forward.addresses.end()) {
        log_warning("hostname {} does not resolve to address {}", client.reverse_name, address);
        client.name_code = NameCode::kForged;
        return;
    }
    client.name = client.reverse_name;
    client.name_code = NameCode::kOk;
}

}  // namespace

Task<ClientName> resolve_client_name(Resolver* resolver, SocketAddress client) {
    ClientName result;
    ReverseName reverse = co_await reverse_lookup(resolver, client);
    result.reverse_code = result.name_code = reverse.code;
    if (reverse.code != NameCode::kOk) {
        co_return std::move(result);
    }
    // An address for a name would pass access rules for addresses.
    if (is_ip_address(reverse.name)) {
        log_warning("numeric reverse lookup result {} for address {}", reverse.name, client.host());
        result.reverse_code = result.name_code = NameCode::kPermanent;
        co_return std::move(result);
    }
    if (!is_hostname(reverse.name)) {
        result.reverse_code = result.name_code = NameCode::kPermanent;
        co_return std::move(result);
    }
    result.reverse_name = reverse.name;
    std::string address = client.host();
    AddressFamilies families;
    families.ipv4 = is_ipv4(address);
    families.ipv6 = !families.ipv4;
    HostAddresses forward =
        co_await resolve_host(resolver, reverse.name, families, HostSource::kNative);
    check_forward(result, forward, address);
    co_return std::move(result);
}

}  // namespace relais
