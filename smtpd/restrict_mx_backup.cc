// permit_mx_backup: this system is a mail exchanger of the recipient's domain, but not its first.
#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/dns/host_lookup.h"
#include "lib/mail/address.h"
#include "lib/mail/idna.h"

#include "smtpd/dns_words.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

enum class Answer { kNo, kYes, kUnknown };

bool is_here(const std::string& address) {
    const auto proxies = split_words(conf().proxy_interfaces(), ", \t\r\n");
    return std::ranges::find(proxies, std::string_view(address)) != proxies.end() ||
           is_own_address(address);
}

// What could not be found out may have let this mail pass.
void defer(Check& check, std::string_view reason) {
    check.defer_if_reject(
        450, "4.4.4",
        format("<{}>: Recipient address rejected: Unable to look up mail exchanger {}",
               check.recipient, reason));
}

// Whether one of the hosts, but not one of the first, has an address of this machine.
Task<Answer> is_backup(Check* check, const std::vector<DnsRecord>* exchangers) {
    const auto first = std::ranges::min_element(*exchangers, {}, &DnsRecord::preference);
    for (const auto& exchanger : *exchangers) {
        const auto host = co_await resolve_host(check->session.site.host_resolver(), exchanger.text,
                                                {}, HostSource::kDns);
        if (!host.found()) {
            defer(*check, format("host {}: {}", exchanger.text, host_reason(host)));
            co_return Answer::kUnknown;
        }
        if (std::ranges::any_of(host.addresses, is_here)) {
            co_return exchanger.preference == first->preference ? Answer::kNo : Answer::kYes;
        }
    }
    co_return Answer::kNo;
}

// Whether every first exchanger is in permit_mx_backup_networks.
Task<Answer> first_are_trusted(Session& session, const std::vector<DnsRecord>* exchangers) {
    const auto first = std::ranges::min_element(*exchangers, {}, &DnsRecord::preference);
    for (const auto& exchanger : *exchangers) {
        if (exchanger.preference != first->preference) {
            continue;
        }
        const auto host = co_await resolve_host(session.site.host_resolver(), exchanger.text, {},
                                                HostSource::kDns);
        if (!host.found()) {
            co_return host.status == DnsStatus::kTemporary ? Answer::kUnknown : Answer::kNo;
        }
        for (const auto& address : host.addresses) {
            const auto match =
                co_await session.site.clients.backup_networks.match(exchanger.text, address);
            if (match != Match::kYes) {
                co_return match == Match::kError ? Answer::kUnknown : Answer::kNo;
            }
        }
    }
    co_return Answer::kYes;
}

}  // namespace

Task<Verdict> restrict_permit_mx_backup(Check& check, const RestrictionItem& /*item*/) {
    auto& session = check.session;
    if (check.recipient.empty()) {
        co_return Verdict::kDunno;
    }
    const auto resolved = co_await session.site.addresses.resolve(check.sender(), check.recipient);
    if (!resolved || resolved->failed()) {
        co_return check.reject_lookup_failure(check.recipient);
    }
    const auto parts = split_address(resolved->recipient);
    if (!parts.has_domain) {
        co_return Verdict::kPermit;
    }
    if ((resolved->flags & kResolveRouted) != 0 && !conf().allow_untrusted_routing()) {
        co_return Verdict::kDunno;
    }
    if (resolved->is_ours()) {
        co_return Verdict::kPermit;
    }
    if (parts.domain.starts_with('[')) {
        co_return Verdict::kDunno;
    }
    const auto domain = domain_to_ascii(parts.domain).value_or(std::string(parts.domain));
    const auto exchangers = co_await session.site.dns->lookup(domain, DnsType::kMx);
    if (exchangers.status == DnsStatus::kTemporary) {
        defer(check, "information: " + dns_reason(exchangers));
    }
    if (!exchangers.found()) {
        co_return Verdict::kDunno;
    }
    auto answer = co_await is_backup(&check, &exchangers.records);
    if (answer == Answer::kYes && !conf().permit_mx_backup_networks().empty()) {
        answer = co_await first_are_trusted(session, &exchangers.records);
    }
    co_return answer == Answer::kYes ? Verdict::kPermit : Verdict::kDunno;
}

}  // namespace relais::smtpd
