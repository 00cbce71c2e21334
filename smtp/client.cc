#include "smtp/client.h"

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/tls/tls_settings.h"

namespace relais::smtp_client {

namespace {

ResolverOptions resolver_options() {
    ResolverOptions options;
    options.servers = conf().dns_servers();
    return options;
}

std::string keyword_maps(const std::string& prefix) {
    return prefix + (prefix == "lmtp" ? "_discard_lhlo_keyword_address_maps"
                                      : "_discard_ehlo_keyword_address_maps");
}

}  // namespace

Client::Client(const std::string& prefix)
    : settings(conf(), prefix),
      resolver(resolver_options()),
      tls_policies(conf(), prefix),
      discard_maps(keyword_maps(prefix), conf().text_value(keyword_maps(prefix))),
      cache_destinations(prefix + "_connection_cache_destinations", settings.cache_destinations,
                         MatchList::Kind::kDomain, ParentStyle::kPlain),
      generic(conf(), prefix),
      pool(settings.cache_time_limit) {
    if (prefix == "smtp" && in_force(OldDefault::kSmtpTlsLevel)) {
        log_old_default(OldDefault::kSmtpTlsLevel);
    }
    if (tls_policies.may_use_tls()) {
        auto made = TlsContext::client(tls_client_options(conf(), prefix));
        if (made) {
            tls = std::move(*made);
        } else {
            log_warning("TLS client: {}", made.error().message);
        }
    }
}

}  // namespace relais::smtp_client
