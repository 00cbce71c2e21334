// DNS-based lists: see the header.
#include "smtpd/dnsbl.h"

#include <algorithm>

#include "lib/base/log.h"

namespace relais::smtpd {

constexpr std::size_t kMostText = 500;  // of a TXT record

Result<DnsblSite> DnsblSite::parse(std::string_view text) {
    DnsblSite site;
    const auto equals = text.find('=');
    site.domain = text.substr(0, equals);
    if (equals != std::string_view::npos) {
        auto filter = AddressPattern::parse(text.substr(equals + 1));
        if (!filter) {
            return fail_with(filter);
        }
        site.filter = *filter;
    }
    return site;
}

bool DnsblAnswer::counts(const DnsblSite& site) const {
    return state == State::kListed &&
           (!site.filter || std::ranges::any_of(addresses, [&](const std::string& address) {
               return site.filter->matches(address);
           }));
}

Task<DnsblAnswer> ask_dnsbl(Resolver& dns, std::string query) {
    const auto answer = co_await dns.lookup(query, DnsType::kA);
    DnsblAnswer result;
    if (answer.status == DnsStatus::kNotFound || answer.status == DnsStatus::kMalformed) {
        co_return result;
    }
    if (!answer.found()) {
        log_warning("{}: RBL lookup error: {}", query, answer.reason);
        result.state = DnsblAnswer::State::kUnknown;
        co_return result;
    }
    result.state = DnsblAnswer::State::kListed;
    for (const auto& record : answer.records) {
        result.addresses.push_back(record.text);
    }
    const auto reason = co_await dns.lookup(query, DnsType::kTxt);
    if (reason.filtered) {
        log_warning("{}: TXT lookup error: DNS reply filter drops all results", query);
    }
    if (reason.found()) {
        result.text = reason.records.front().text.substr(0, kMostText);
    }
    co_return result;
}

}  // namespace relais::smtpd
