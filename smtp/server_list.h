// The servers to try for a destination: MX hosts and their addresses, best first.
#pragma once

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
};

struct ServerList {
    std::vector<ServerAddress> servers;  // in the order of trying
    int best_preference = 0;
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

// Sorts by preference, shuffles equals (if `settings` say so), mixes address families.
void arrange(std::vector<ServerAddress>& servers, const Settings& settings);

}  // namespace relais::smtp_client
