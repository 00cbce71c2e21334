// The TLSA records of a server (RFC 7672), as far as DNSSEC vouches for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/dns/resolver.h"
#include "lib/event/task.h"
#include "lib/tls/tls_options.h"

namespace relais {

struct TlsaSearch {
    enum class Outcome {
        kFound,
        kNone,      // there are none that anybody has signed
        kUnusable,  // all are for other purposes
        kFailed,    // nobody knows: no server may be used
    };
    Outcome outcome = Outcome::kNone;
    std::string base;  // the name below which they are; certificates must have it
    std::vector<TlsaRecord> records;
};

// A server, and how it was found.
struct TlsaHost {
    std::string name;
    std::string canonical;  // where CNAMEs of it lead to; empty: its address is not from DNS
    bool secure = false;    // validated with DNSSEC, from the name to the address
};

enum class InsecureHosts { kSkip, kAsk };  // smtp_tls_force_insecure_host_tlsa_lookup

// RFC 7672 2.1.3: for the name that CNAMEs lead to, then for the one that was asked for.  Records
// that are of no use here are logged, and so are lookups that fail.
[[nodiscard]] Task<TlsaSearch> find_tlsa(Resolver* resolver, TlsaHost host, std::uint16_t port,
                                         InsecureHosts insecure);

// The usable ones of a signed answer.  For tests, too.
[[nodiscard]] TlsaSearch usable_tlsa(const DnsAnswer& answer, const std::string& question);

}  // namespace relais
