// What did not work in DNS, in the words of warnings and replies.
#pragma once

#include <string>
#include <string_view>

#include "lib/dns/host_lookup.h"

namespace relais::smtpd {

// "Host not found, try again": an answer's reason without what it was about.
[[nodiscard]] inline std::string dns_reason(const DnsAnswer& answer) {
    if (answer.filtered) {
        return "DNS reply filter policy";
    }
    const auto colon = answer.reason.rfind(": ");
    // Names that cannot be asked for are not there.
    return colon == std::string::npos || answer.reason.ends_with("invalid host or domain name")
               ? "Host not found"
               : answer.reason.substr(colon + 2);
}

// Why a host has no address, as the C library puts it.
[[nodiscard]] inline std::string_view host_reason(const HostAddresses& host) {
    if (host.status == DnsStatus::kTemporary) {
        return "Temporary failure in name resolution";
    }
    return host.reason.find("no data record") == std::string::npos
               ? "Name or service not known"
               : "No address associated with hostname";
}

}  // namespace relais::smtpd
