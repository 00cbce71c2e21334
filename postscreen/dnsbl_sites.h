// postscreen_dnsbl_sites: which DNS lists are asked, which of their answers count, and how much.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/dns/address_pattern.h"

namespace relais::postscreen {

// One "domain=filter*weight" of those with the same domain.
struct DnsblRule {
    std::optional<AddressPattern> filter;  // nothing: any answer counts
    int weight = 1;
};

struct DnsblDomain {
    std::string domain;       // what is asked
    std::string public_name;  // what clients are told (postscreen_dnsbl_reply_map)
    std::vector<DnsblRule> rules;
};

// The domains in the order of their first mention.  Errors name what is wrong.
[[nodiscard]] Result<std::vector<DnsblDomain>> parse_dnsbl_sites(std::string_view text);

// What an answer, addresses with blanks between, adds to the score: each rule once at the most.
struct DnsblScore {
    int total = 0;
    std::optional<int> heaviest;  // the greatest weight of the rules that count
};

[[nodiscard]] DnsblScore score_answer(const DnsblDomain& domain, std::string_view addresses);

}  // namespace relais::postscreen
