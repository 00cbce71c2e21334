#include "postscreen/dnsbl_sites.h"

#include <algorithm>
#include <limits>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/mail/hostname.h"

namespace relais::postscreen {

namespace {

Result<int> parse_weight(std::string_view text, std::string_view site) {
    const auto weight = parse_int(text);
    constexpr std::int64_t kMost = 1'000'000;  // sums of these fit into an int
    if (!weight || *weight < -kMost || *weight > kMost) {
        return fail(Errc::kSyntax, format("bad DNSBL weight factor \"{}\" in \"{}\"", text, site));
    }
    return static_cast<int>(*weight);
}

Result<void> add_site(std::vector<DnsblDomain>& domains, std::string_view site) {
    DnsblRule rule;
    std::string_view domain = site;
    if (const auto parts = split_first(domain, '*')) {
        auto weight = parse_weight(parts->second, site);
        if (!weight) {
            return fail_with(weight);
        }
        rule.weight = *weight;
        domain = parts->first;
    }
    if (const auto parts = split_first(domain, '=')) {
        auto filter = AddressPattern::parse(parts->second);
        if (!filter) {
            return fail(Errc::kSyntax,
                        format("bad DNSBL filter syntax: {}", filter.error().message));
        }
        rule.filter = *filter;
        domain = parts->first;
    }
    if (!is_hostname(domain)) {
        return fail(Errc::kSyntax, format("bad DNSBL domain name \"{}\" in \"{}\"", domain, site));
    }
    auto known = std::ranges::find(domains, domain, &DnsblDomain::domain);
    if (known == domains.end()) {
        domains.push_back({std::string(domain), std::string(domain), {}});
        known = std::prev(domains.end());
    }
    known->rules.push_back(rule);
    return {};
}

}  // namespace

Result<std::vector<DnsblDomain>> parse_dnsbl_sites(std::string_view text) {
    std::vector<DnsblDomain> domains;
    for (const auto site : split_words(text, ", \t\r\n")) {
        if (auto added = add_site(domains, site); !added) {
            return fail_with(added);
        }
    }
    return domains;
}

DnsblScore score_answer(const DnsblDomain& domain, std::string_view addresses) {
    DnsblScore score;
    const auto answers = split_words(addresses);
    for (const auto& rule : domain.rules) {
        const bool counts =
            rule.filter ? std::ranges::any_of(
                              answers,
                              [&](std::string_view answer) { return rule.filter->matches(answer); })
                        : !answers.empty();
        if (counts) {
            score.total += rule.weight;
            score.heaviest =
                std::max(rule.weight, score.heaviest.value_or(std::numeric_limits<int>::min()));
        }
    }
    return score;
}

}  // namespace relais::postscreen
