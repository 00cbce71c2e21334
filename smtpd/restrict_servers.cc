// check_sender_mx_access and its kin: what an access table says about the mail exchangers, the name
// servers or the addresses of a name.
#include <array>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/dns/host_lookup.h"
#include "lib/mail/address.h"
#include "lib/mail/hostname.h"
#include "lib/mail/idna.h"

#include "smtpd/access_table.h"
#include "smtpd/dns_words.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

constexpr std::size_t kMostServers = 100;

DnsRecord itself(const std::string& domain, DnsType type) {
    DnsRecord record;
    record.owner = record.text = domain;
    record.type = type;
    return record;
}

// The names of a domain's mail exchangers: itself where it has none.
Task<DnsAnswer> find_exchangers(Resolver& dns, std::string domain) {
    auto answer = co_await dns.lookup(domain, DnsType::kMx);
    if (answer.status == DnsStatus::kNotFound) {
        answer.status = DnsStatus::kFound;
        answer.records = {itself(domain, DnsType::kMx)};
    }
    co_return answer;
}

// The name servers of a domain, or of the nearest parent that has some.
Task<DnsAnswer> find_name_servers(Resolver& dns, std::string domain) {
    for (;;) {
        auto answer = co_await dns.lookup(domain, DnsType::kNs);
        const auto dot = domain.find('.');
        if (answer.status != DnsStatus::kNotFound || dot == std::string::npos) {
            co_return answer;
        }
        domain.erase(0, dot + 1);
    }
}

Task<DnsAnswer> find_servers(Resolver& dns, std::string domain, DnsType type) {
    if (type == DnsType::kMx) {
        co_return co_await find_exchangers(dns, std::move(domain));
    }
    if (type == DnsType::kNs) {
        co_return co_await find_name_servers(dns, std::move(domain));
    }
    DnsAnswer answer;
    answer.status = DnsStatus::kFound;
    answer.records = {itself(domain, type)};
    co_return answer;
}

struct ServerSearch {
    Check& check;
    const RestrictionItem& item;
    DnsType type;
    Judged judged;
};

// One server, by its name and its addresses; of a name that is its own server, the addresses.
Task<AccessOutcome> search_server(const ServerSearch* search, std::string server) {
    auto& check = search->check;
    const bool by_address = search->type == DnsType::kA;
    if (!by_address) {
        const auto outcome =
            co_await search_access(check, search->judged, search->item.table,
                                   keys_of_domain(server, check.session.site.parents_in_access));
        if (outcome.decided) {
            co_return outcome;
        }
    }
    const auto host =
        co_await resolve_host(check.session.site.host_resolver(), server, {}, HostSource::kDns);
    if (!host.found() && !by_address) {
        log_warning("Unable to look up {} host {} for {} {}: {}", dns_type_name(search->type),
                    server, search->judged.reply_class, search->judged.name, host_reason(host));
    }
    for (const auto& address : host.addresses) {
        const auto outcome = co_await search_access(check, search->judged, search->item.table,
                                                    keys_of_network(address));
        if (outcome.decided) {
            co_return outcome;
        }
    }
    co_return AccessOutcome{};
}

// A server's owner is not the sender: no mail passes because of him.
Verdict never_permit(const ServerSearch& search, Verdict verdict) {
    if (verdict != Verdict::kPermit) {
        return verdict;
    }
    log_warning("restriction {} returns OK for {}", search.item.name, search.judged.name);
    log_warning("this is not allowed for security reasons");
    log_warning("use DUNNO instead of OK if you want to make an exception");
    return search.check.reject_configuration();
}

// "[192.0.2.1]", "[IPv6:2001:db8::1]": the address.
std::string address_of_literal(std::string_view literal) {
    auto address = literal.substr(1, literal.find(']') - 1);
    if (istarts_with(address, "IPv6:")) {
        address.remove_prefix(5);
    }
    return std::string(address);
}

Task<Verdict> check_servers(Check& check, const RestrictionItem& item, DnsType type,
                            std::string domain, Judged judged) {
    const ServerSearch search{check, item, type, std::move(judged)};
    if (domain.empty()) {
        co_return Verdict::kDunno;
    }
    if (domain.starts_with('[')) {
        if (type == DnsType::kNs) {
            co_return Verdict::kDunno;
        }
        const auto outcome = co_await search_access(check, search.judged, item.table,
                                                    keys_of_network(address_of_literal(domain)));
        co_return never_permit(search, outcome.verdict);
    }
    domain = domain_to_ascii(domain).value_or(domain);
    auto servers = co_await find_servers(*check.session.site.dns, domain, type);
    if (servers.status == DnsStatus::kNullMx) {
        co_return Verdict::kDunno;
    }
    if (!servers.found()) {
        const auto& client = check.session.client;
        const auto& asked = search.judged.name == client.label ? client.name : search.judged.name;
        const bool nowhere = servers.status == DnsStatus::kNotFound;
        log_warning("Unable to look up {} host for {}: {}", dns_type_name(type),
                    nowhere ? asked : domain, dns_reason(servers));
        co_return Verdict::kDunno;
    }
    if (servers.records.size() > kMostServers) {
        servers.records.resize(kMostServers);
    }
    for (const auto& server : servers.records) {
        const auto outcome = co_await search_server(&search, server.text);
        if (outcome.decided) {
            co_return never_permit(search, outcome.verdict);
        }
    }
    co_return Verdict::kDunno;
}

// The domain of an address; one without is taken for a name.
std::string domain_of(std::string_view address) {
    const auto parts = split_address(address);
    return std::string(parts.has_domain ? parts.domain : address);
}

std::string known_name(const std::string& name) {
    return name == "unknown" ? "" : name;
}

}  // namespace

Task<Verdict> check_servers_of(Check& check, const RestrictionItem& item, Party party,
                               DnsType type) {
    const auto& client = check.session.client;
    const auto& helo = check.session.helo;
    const auto& sender = check.sender();
    switch (party) {
        case Party::kClient:
            co_return co_await check_servers(check, item, type, known_name(client.name),
                                             {client.label, "Client host"});
        case Party::kReverseClient:
            co_return co_await check_servers(check, item, type, known_name(client.reverse_name),
                                             {client.reverse_name, "Unverified Client host"});
        case Party::kHelo:
            co_return co_await check_servers(check, item, type, helo, {helo, "Helo command"});
        case Party::kSender:
            co_return co_await check_servers(check, item, type, domain_of(sender),
                                             {sender, "Sender address"});
        case Party::kRecipient:
            break;
    }
    co_return co_await check_servers(check, item, type, domain_of(check.recipient),
                                     {check.recipient, "Recipient address"});
}

}  // namespace relais::smtpd
