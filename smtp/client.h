// What all deliveries of this process share.  Made before the process enters its chroot.
#pragma once

#include <memory>
#include <string>

#include "lib/dns/resolver.h"
#include "lib/maps/match_list.h"
#include "lib/tls/tls_context.h"

#include "smtp/connection_pool.h"
#include "smtp/generic.h"
#include "smtp/settings.h"
#include "smtp/tls_policy.h"

namespace relais::smtp_client {

struct Client {
    // `prefix` is "smtp" or "lmtp".
    explicit Client(const std::string& prefix);

    Settings settings;
    Resolver resolver;
    TlsPolicies tls_policies;
    std::unique_ptr<TlsContext> tls;  // null: no TLS, or it can't be set up
    TableSet discard_maps;            // smtp_discard_ehlo_keyword_address_maps
    MatchList cache_destinations;
    Generic generic;
    ConnectionPool pool;
};

}  // namespace relais::smtp_client
