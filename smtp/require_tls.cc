#include "smtp/require_tls.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/values.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

bool demands_tls(RequireTls wanted) {
    return wanted == RequireTls::kEnforce || wanted == RequireTls::kOpportunisticTls;
}

static DeliveryStatus obstacle(RequireTls wanted, std::string_view lack, std::string_view where) {
    return local_trouble(wanted == RequireTls::kEnforce ? "5.7.30" : "5.7.10",
                         format("REQUIRETLS needs {} {}", lack, where));
}

std::optional<DeliveryStatus> require_tls_obstacle(RequireTls wanted, const Session& session) {
    const bool enforced = wanted == RequireTls::kEnforce;
    if (demands_tls(wanted) && !session.tls) {
        return obstacle(wanted, "TLS, which was not offered by host", session.name());
    }
    if (enforced && session.tls->trust != TlsTrust::kVerified) {
        return obstacle(wanted, "a verified certificate, but got none from host", session.name());
    }
    if (enforced && !session.capabilities.has("REQUIRETLS")) {
        return obstacle(wanted, "REQUIRETLS support, which was not offered by host",
                        session.name());
    }
    return std::nullopt;
}

std::optional<DeliveryStatus> require_tls_obstacle(RequireTls wanted, const TlsPolicy& policy,
                                                   const std::string& nexthop) {
    if (demands_tls(wanted) && policy.level == TlsLevel::kNone) {
        return obstacle(wanted, "TLS, which is turned off for", nexthop);
    }
    if (wanted == RequireTls::kEnforce && policy.level < TlsLevel::kFingerprint) {
        return obstacle(wanted, "a verified certificate, which is not asked for from", nexthop);
    }
    return std::nullopt;
}

RequireTls RequireTlsPolicy::named(std::string_view word) const {
    if (iequals(word, "enforce")) {
        return RequireTls::kEnforce;
    }
    if (iequals(word, "opportunistic+starttls")) {
        return RequireTls::kOpportunisticTls;
    }
    if (iequals(word, "opportunistic")) {
        return RequireTls::kOpportunistic;
    }
    if (iequals(word, "disable")) {
        return RequireTls::kDisable;
    }
    if (!iequals(word, "error")) {
        log_warning("{}: unknown policy: \"{}\"", parameter_, printable(word));
    }
    return RequireTls::kError;
}

RequireTlsPolicy::RequireTlsPolicy(std::string parameter) : parameter_(std::move(parameter)) {
    for (auto& item : split_list(conf().text_value(parameter_))) {
        if (item.find(':') != std::string::npos) {
            items_.emplace_back(TableSet(parameter_, item));
        } else {
            items_.emplace_back(std::move(item));
        }
    }
}

// The domain, then ".parent" of each of its parents.
Task<std::optional<RequireTls>> RequireTlsPolicy::ask(const TableSet* table,
                                                      std::string domain) const {
    auto kind = KeyKind::kWhole;
    while (!domain.empty()) {
        const auto found = co_await table->lookup(domain, kind);
        if (found.is_error()) {
            log_warning("{}: lookup error for \"{}\"", parameter_, domain);
            co_return RequireTls::kError;
        }
        if (found.is_found()) {
            co_return named(trim(found.value()));
        }
        const auto dot = domain.find('.', 1);
        domain = dot == std::string::npos ? std::string() : domain.substr(dot);
        kind = KeyKind::kPartial;
    }
    co_return std::nullopt;
}

Task<RequireTls> RequireTlsPolicy::find(std::string host) const {
    for (const auto& item : items_) {
        if (const auto* word = std::get_if<std::string>(&item)) {
            co_return named(*word);
        }
        const auto answer = co_await ask(std::get_if<TableSet>(&item), host);
        if (answer) {
            co_return *answer;
        }
    }
    co_return RequireTls::kEnforce;
}

}  // namespace relais::smtp_client
