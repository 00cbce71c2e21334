// The servers to try for a destination: MX hosts and their addresses, best first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/event/task.h"
#include "lib/mail/dsn.h"

#include "smtp/destination.h"
#include "smtp/settings.h"

namespace relais::smtp_client {

struct ServerAddress {
    std::string host;
    std::string address;  // numeric
    int preference = 0;
    std::uint16_t port = 0;  // of an SRV record; 0: the destination's
    std::string canonical;   // where CNAMEs of `host` lead to; empty: the address is not from DNS
    bool secure = false;     // validated with DNSSEC, from `host` to the address
};

// The MX records that the servers are from.
struct MxOrigin {
    std::string domain, canonical;  // asked for; where CNAMEs lead to
    bool secure = false;
};

struct ServerList {
    std::vector<ServerAddress> servers;  // in the order of trying
    int best_preference = 0;
    std::optional<MxOrigin> mx;
    DeliveryStatus why;           // why there are none
    bool loops = false;           // the best server is this machine
    bool found_self = false;      // some server is this machine
    bool loop_detection = false;  // mail that comes back here would go on for ever
};

[[nodiscard]] Task<ServerList> find_servers(Resolver* resolver, const Settings* settings,
                                            Destination destination);

// Parts of it, for tests.  Drops this machine and everything that is no better than it.
// RFC 5321 5.1
void drop_self(ServerList& list, const Settings& settings, const std::string& domain,
               int best_mx_preference);

// SRV records in the order of trying: by priority, and by chance among equals, the more likely the
// greater the weight.  RFC 2782
[[nodiscard]] std::vector<DnsRecord> order_of_trying(std::vector<DnsRecord> records);

// Sorts by preference, shuffles equals (if `settings` say so), mixes address families.
void arrange(std::vector<ServerAddress>& servers, const Settings& settings);

}  // namespace relais::smtp_client
