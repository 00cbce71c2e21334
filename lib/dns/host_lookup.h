// The addresses of a host, and the name behind an address: from DNS, from the hosts file, or both.
#pragma once

#include <string>
#include <vector>

#include "lib/base/socket_address.h"
#include "lib/dns/resolver.h"

namespace relais {

// Which kinds of addresses are wanted, in this order.
struct AddressFamilies {
    bool ipv4 = true;
    bool ipv6 = true;
};

enum class HostSource {
    kDns,     // DNS alone
    kNative,  // as the C library does it: the hosts file, then DNS with the search list
};

struct HostAddresses {
    DnsStatus status = DnsStatus::kNotFound;
    bool authentic = false;              // validated, over the whole CNAME chain
    std::string name;                    // where aliases lead to; empty: not known
    std::vector<std::string> addresses;  // in print; IPv4 first
    std::string reason;                  // why there are none
    bool filtered = false;               // the filter of answers left none

    bool found() const { return status == DnsStatus::kFound; }
};

// A host name; what is an address already comes back as it is.  Where one kind of address could not
// be looked up, the other is enough.
[[nodiscard]] Task<HostAddresses> resolve_host(Resolver* resolver, std::string host,
                                               AddressFamilies families, HostSource source,
                                               DnsValidation validation = DnsValidation::kNone);

// Who a client is: smtpd's client_name, reverse_client_name, and the codes of
// reject_unknown_client_hostname and its kin.
enum class NameCode {
    kOk = 2,
    kTemporary = 4,  // could not find out just now
    kPermanent = 5,  // there is no name
    kForged = 6,     // the name's addresses are others
};

struct ClientName {
    std::string name = "unknown";          // verified in both directions
    std::string reverse_name = "unknown";  // what the address claims
    NameCode name_code = NameCode::kPermanent;
    NameCode reverse_code = NameCode::kPermanent;
};

// Address to name, and that name back to addresses (smtpd_peername_lookup).  Logs the warnings of
// Postfix's smtpd about names that do not fit.
[[nodiscard]] Task<ClientName> resolve_client_name(Resolver* resolver, SocketAddress client);

}  // namespace relais
