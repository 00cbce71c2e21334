// DNS-based lists of addresses and names (RFC 5782): zen.example=127.0.0.[2..11], for one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/dns/address_pattern.h"
#include "lib/dns/resolver.h"
#include "lib/event/task.h"

namespace relais::smtpd {

// "domain" or "domain=filter", as restrictions take it.
struct DnsblSite {
    std::string domain;
    std::optional<AddressPattern> filter;

    [[nodiscard]] static Result<DnsblSite> parse(std::string_view text);
};

struct DnsblAnswer {
    enum class State { kListed, kNotListed, kUnknown } state = State::kNotListed;
    std::vector<std::string> addresses;
    std::string text;  // of the TXT record, where there is one

    // Whether it is one of those that the site's filter lets count.
    bool counts(const DnsblSite& site) const;
};

// Asks for "QUERY.DOMAIN".
[[nodiscard]] Task<DnsblAnswer> ask_dnsbl(Resolver& dns, std::string query);

}  // namespace relais::smtpd
