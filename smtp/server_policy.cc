#include "smtp/server_policy.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/hostname.h"

namespace relais::smtp_client {

namespace {

constexpr std::string_view kConfigurationProblem = "client TLS configuration problem";

InsecureMx insecure_mx_setting(const Config& config) {
    const auto& word = config.smtp_tls_dane_insecure_mx_policy();
    if (iequals(word, "may")) {
        return InsecureMx::kMay;
    }
    if (iequals(word, "encrypt")) {
        return InsecureMx::kEncrypt;
    }
    if (iequals(word, "dane")) {
        return InsecureMx::kDane;
    }
    log_fatal("invalid smtp_tls_dane_insecure_mx_policy: \"{}\"", word);
}

bool may_serve(const TlsPolicy& policy, const std::string& host) {
    const auto& patterns = policy.published.mx_patterns;
    return policy.published.type != "sts" || policy.level != TlsLevel::kSecure ||
           patterns.empty() || std::ranges::any_of(patterns, [&](const std::string& pattern) {
               return mx_pattern_matches(pattern, host);
           });
}

// RFC 7672 3.2.2: the names that a certificate may have which a trust anchor signed.
std::vector<std::string> dane_names(const ServerList& list, const std::string& base) {
    std::vector<std::string> names{base};
    if (list.mx) {
        names.push_back(list.mx->canonical);
        names.push_back(list.mx->domain);
    }
    return names;
}

}  // namespace

bool mx_pattern_matches(std::string_view pattern, std::string_view host) {
    pattern = trim_right(pattern, ".");
    host = trim_right(host, ".");
    if (!pattern.starts_with("*.")) {
        return is_hostname(host) && iequals(pattern, host);
    }
    const auto dot = host.find('.');
    return dot != std::string_view::npos && is_hostname(host) &&
           iequals(host.substr(dot), pattern.substr(1));
}

ServerPolicies::ServerPolicies(const Config& config, const Settings& settings,
                               const TlsPolicies& policies, Resolver& resolver)
    : settings_(settings),
      policies_(policies),
      resolver_(resolver),
      tell_records_(parse_tls_loglevel(config.text_value(settings.prefix + "_tls_loglevel"))
                        .value_or(TlsLogLevel::kNone) >= TlsLogLevel::kVerbose),
      sites_(config, settings.prefix),
      insecure_mx_(insecure_mx_setting(config)),
      insecure_hosts_(config.bool_value(settings.prefix + "_tls_force_insecure_host_tlsa_lookup")
                          ? InsecureHosts::kAsk
                          : InsecureHosts::kSkip) {
}

// Only dane-only insists.
Result<TlsPolicy> ServerPolicies::without_dane(TlsPolicy policy, Obstacle obstacle,
                                               std::string reason) const {
    if (obstacle == Obstacle::kConfiguration) {
        log_warning("{}", reason);
        reason = kConfigurationProblem;
    }
    if (policy.level == TlsLevel::kDaneOnly) {
        const auto code = obstacle == Obstacle::kConfiguration ? Errc::kSyntax
                          : obstacle == Obstacle::kDestination ? Errc::kNotFound
                                                               : Errc::kCorrupt;
        return fail(code, std::move(reason));
    }
    return policies_.at_level(std::move(policy), obstacle == Obstacle::kNoVerification
                                                     ? TlsLevel::kEncrypt
                                                     : TlsLevel::kMay);
}

// Why these settings and DANE do not go together; else nothing.
std::string ServerPolicies::contradiction(const TlsPolicy& policy, const std::string& site) const {
    const auto level = tls_level_name(policy.level);
    const bool by_dns =
        std::ranges::find(settings_.host_lookup, HostSource::kDns) != settings_.host_lookup.end();
    if (!by_dns || settings_.dns_support != DnsSupport::kDnssec) {
        return format("{}: {} configured with dnssec lookups disabled", site, level);
    }
    // Whoever can break lookups could send mail elsewhere.
    if (settings_.protocol == Protocol::kSmtp && settings_.ignore_mx_lookup_error) {
        return format("{}: {} configured with MX lookup errors ignored", site, level);
    }
    // Names would not be those that certificates are about.
    if (settings_.completion.default_domain || settings_.completion.search_list) {
        return format("{}: dns resolver options incompatible with {} TLS", site, level);
    }
    return {};
}

Task<Result<TlsPolicy>> ServerPolicies::with_dane(TlsPolicy policy, const ServerList* list,
                                                  const ServerAddress* server,
                                                  std::uint16_t port) const {
    const bool secure_mx = !list->mx || list->mx->secure;
    const bool only = policy.level == TlsLevel::kDaneOnly;
    if (!secure_mx && (only || insecure_mx_ == InsecureMx::kMay)) {
        co_return without_dane(std::move(policy), Obstacle::kDestination, "non DNSSEC destination");
    }
    TlsaHost host{server->host, server->canonical, server->secure};
    TlsaSearch search = co_await find_tlsa(&resolver_, std::move(host), port, insecure_hosts_);
    switch (search.outcome) {
        case TlsaSearch::Outcome::kFailed:
            co_return fail(Errc::kTemporary,
                           format("TLSA lookup error for {}:{}", server->host, port));
        case TlsaSearch::Outcome::kNone:
            co_return without_dane(std::move(policy), Obstacle::kDestination,
                                   "no TLSA records found");
        case TlsaSearch::Outcome::kUnusable:
            co_return without_dane(std::move(policy), Obstacle::kNoVerification,
                                   "TLSA records unusable");
        case TlsaSearch::Outcome::kFound:
            break;
    }
    for (const auto& record : search.records) {
        if (tell_records_) {
            log_info("DNSSEC-signed TLSA record: _{}._tcp.{}: {}", port, search.base,
                     tlsa_text(record));
        }
    }
    if (!secure_mx && insecure_mx_ == InsecureMx::kEncrypt) {
        co_return without_dane(std::move(policy), Obstacle::kNoVerification, "");
    }
    policy.tlsa = std::move(search.records);
    policy.dane_names = dane_names(*list, search.base);
    co_return policies_.at_level(std::move(policy), secure_mx ? policy.level : TlsLevel::kHalfDane);
}

Task<Result<TlsPolicy>> ServerPolicies::find(TlsPolicy policy, const ServerList* list,
                                             const ServerAddress* server, std::string site,
                                             std::uint16_t port) const {
    if (!sites_.empty()) {
        auto by_site = co_await sites_.find(site, server->host, policy.level);
        if (!by_site) {
            co_return fail_with(by_site);
        }
        if (*by_site) {
            auto other = policies_.parse(tls_level_name(**by_site), site);
            policy = std::move(*other);
        }
    }
    if (policies_.enforces_mx_patterns() && !may_serve(policy, server->host)) {
        co_return fail(Errc::kDenied, format("host {} is not one of the MTA-STS policy of {}",
                                             server->host, policy.published.domain));
    }
    if (policy.level != TlsLevel::kDane && policy.level != TlsLevel::kDaneOnly) {
        co_return policy;
    }
    if (port == 0) {
        log_warning(
            "{}: the \"dane\" security level is invalid for delivery via unix-domain sockets",
            site);
        co_return fail(Errc::kSyntax, std::string(kConfigurationProblem));
    }
    if (auto reason = contradiction(policy, site); !reason.empty()) {
        co_return without_dane(std::move(policy), Obstacle::kConfiguration, std::move(reason));
    }
    co_return co_await with_dane(std::move(policy), list, server, port);
}

}  // namespace relais::smtp_client
