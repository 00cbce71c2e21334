// Under which names an open connection is kept for the next mail, here and in scache(8).  They are
// Postfix's: two processes of one service that are not of the same make do not mix.
#pragma once

#include <cstdint>
#include <string>

#include "lib/tls/tls_options.h"

#include "smtp/settings.h"

namespace relais::smtp_client {

// What a connection is of use for.
struct SessionPurpose {
    std::string sender;  // empty where logins do not depend on him
    std::string nexthop;
};

// "The first connection that served this next hop", whichever server that was.
[[nodiscard]] std::string destination_label(const Settings& settings,
                                            const SessionPurpose& purpose);

// "A connection with this server."  Where TLS or a login may depend on the next hop, it is one for
// that next hop only.
struct ServerPlace {
    std::string host, address;
    std::uint16_t port = 0;
    TlsLevel level = TlsLevel::kNone;
};

[[nodiscard]] std::string endpoint_label(const Settings& settings, const SessionPurpose& purpose,
                                         const ServerPlace& server);

}  // namespace relais::smtp_client
