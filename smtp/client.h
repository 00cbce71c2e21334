// What all deliveries of this process share.  Made before the process enters its chroot.
#pragma once

#include <memory>
#include <string>

#include "lib/dns/resolver.h"
#include "lib/maps/match_list.h"
#include "lib/rules/content_checks.h"
#include "lib/tls/tls_context.h"

#include "smtp/delivery_flags.h"
#include "smtp/dnssec_probe.h"
#include "smtp/generic.h"
#include "smtp/logins.h"
#include "smtp/pix.h"
#include "smtp/reply_filter.h"
#include "smtp/require_tls.h"
#include "smtp/server_policy.h"
#include "smtp/session_cache.h"
#include "smtp/settings.h"
#include "smtp/tls_policy.h"

namespace relais::smtp_client {

struct Client {
    // `prefix` is "smtp" or "lmtp".
    explicit Client(const std::string& prefix);

    Settings settings;
    DeliveryFlags flags;
    std::unique_ptr<Logins> logins;  // null: smtp_sasl_auth_enable = no
    Resolver resolver;
    TableSet dns_filter;  // smtp_dns_reply_filter
    ReplyLineFilter reply_filter;
    PixSettings pix;
    TlsPolicies tls_policies;
    ServerPolicies server_policies;
    DnssecProbe dnssec_probe;
    TlsReports tls_reports;
    RequireTlsPolicy require_tls;
    std::unique_ptr<TlsContext> tls;  // null: no TLS, or it can't be set up
    TableSet discard_maps;            // smtp_discard_ehlo_keyword_address_maps
    MatchList cache_destinations;
    Generic generic;
    ContentChecks checks;  // smtp_header_checks and its kin
    SessionCache sessions;
};

}  // namespace relais::smtp_client
