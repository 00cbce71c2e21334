#include "smtp/client.h"

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/daemon/daemon.h"
#include "lib/rules/dns_reply_filter.h"
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

std::unique_ptr<Logins> logins_of(const std::string& prefix) {
    return conf().bool_value(prefix + "_sasl_auth_enable") ? std::make_unique<Logins>(prefix)
                                                           : nullptr;
}

}  // namespace

Client::Client(const std::string& prefix)
    : settings(conf(), prefix),
      flags(parse_delivery_flags(process_info().arguments,
                                 prefix == "lmtp" && conf().lmtp_assume_final())),
      logins(logins_of(prefix)),
      resolver(resolver_options()),
      dns_filter(prefix + "_dns_reply_filter", conf().text_value(prefix + "_dns_reply_filter")),
      reply_filter(conf(), prefix),
      pix(conf(), prefix),
      tls_policies(conf(), prefix),
      server_policies(conf(), settings, tls_policies, resolver),
      dnssec_probe(conf(), settings, resolver),
      tls_reports(conf(), prefix, resolver),
      require_tls(prefix + "_requiretls_policy"),
      discard_maps(keyword_maps(prefix), conf().text_value(keyword_maps(prefix))),
      cache_destinations(prefix + "_connection_cache_destinations", settings.cache_destinations,
                         MatchList::Kind::kDomain, ParentStyle::kPlain),
      generic(conf(), prefix),
      checks(prefix + "_",
             {.header = conf().text_value(prefix + "_header_checks"),
              .mime = conf().text_value(prefix + "_mime_header_checks"),
              .nested = conf().text_value(prefix + "_nested_header_checks"),
              .body = conf().text_value(prefix + "_body_checks")},
             kCheckOutgoing),
      sessions(&settings) {
    resolver.set_completion(settings.completion);
    if (!dns_filter.empty()) {
        resolver.set_filter(dns_reply_filter(&dns_filter));
    }
    if (prefix == "smtp" && in_force(OldDefault::kSmtpTlsLevel)) {
        log_old_default(OldDefault::kSmtpTlsLevel);
    }
    if (tls_policies.may_use_tls() || server_policies.has_sites()) {
        auto made = TlsContext::client(tls_client_options(conf(), prefix));
        if (made) {
            tls = std::move(*made);
        } else {
            log_warning("TLS client: {}", made.error().message);
        }
    }
}

}  // namespace relais::smtp_client
