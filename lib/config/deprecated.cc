#include "lib/config/deprecated.h"

#include <algorithm>
#include <array>

#include "lib/base/format.h"

namespace relais {

namespace {

struct Deprecated {
    std::string_view name;
    std::string_view successor;  // empty: there is none
    std::string_view remedy;     // where there is none
};

constexpr std::string_view kLeaveAlone = "do not specify (leave at default)";

constexpr std::array kDeprecated = {
    // since 3.9
    Deprecated{"disable_dns_lookups", "smtp_dns_support_level", {}},
    Deprecated{"lmtp_enforce_tls", "lmtp_tls_security_level", {}},
    Deprecated{"lmtp_tls_per_site", "lmtp_tls_policy_maps", {}},
    Deprecated{"lmtp_use_tls", "lmtp_tls_security_level", {}},
    Deprecated{"postscreen_enforce_tls", "postscreen_tls_security_level", {}},
    Deprecated{"postscreen_use_tls", "postscreen_tls_security_level", {}},
    Deprecated{"smtp_enforce_tls", "smtp_tls_security_level", {}},
    Deprecated{"smtp_tls_per_site", "smtp_tls_policy_maps", {}},
    Deprecated{"smtp_use_tls", "smtp_tls_security_level", {}},
    Deprecated{"smtpd_enforce_tls", "smtpd_tls_security_level", {}},
    Deprecated{"smtpd_tls_dh1024_param_file", {}, kLeaveAlone},
    Deprecated{"smtpd_tls_eecdh_grade", {}, kLeaveAlone},
    Deprecated{"smtpd_use_tls", "smtpd_tls_security_level", {}},
    Deprecated{"tlsproxy_client_enforce_tls", "tlsproxy_client_security_level", {}},
    Deprecated{"tlsproxy_client_per_site", "tlsproxy_client_policy_maps", {}},
    Deprecated{"tlsproxy_client_use_tls", "tlsproxy_client_security_level", {}},
    Deprecated{"tlsproxy_enforce_tls", "tlsproxy_tls_security_level", {}},
    Deprecated{"tlsproxy_use_tls", "tlsproxy_tls_security_level", {}},
    // since 3.11; most are older names, which their successor's default still reads
    Deprecated{"authorized_verp_clients", "smtpd_authorized_verp_clients", {}},
    Deprecated{"fallback_relay", "smtp_fallback_relay", {}},
    Deprecated{"lmtp_cname_overrides_servername", {}, "do not specify"},
    Deprecated{"lmtp_per_record_deadline", "lmtp_per_request_deadline", {}},
    Deprecated{"lmtp_tls_enforce_peername", "lmtp_tls_security_level", {}},
    Deprecated{"postscreen_blacklist_action", "postscreen_denylist_action", {}},
    Deprecated{"postscreen_dnsbl_ttl", "postscreen_dnsbl_max_ttl", {}},
    Deprecated{"postscreen_dnsbl_whitelist_threshold", "postscreen_dnsbl_allowlist_threshold", {}},
    Deprecated{"postscreen_whitelist_interfaces", "postscreen_allowlist_interfaces", {}},
    Deprecated{"smtp_cname_overrides_servername", {}, "do not specify"},
    Deprecated{"smtp_per_record_deadline", "smtp_per_request_deadline", {}},
    Deprecated{"smtp_tls_enforce_peername", "smtp_tls_security_level", {}},
    Deprecated{
        "smtpd_client_connection_limit_exceptions", "smtpd_client_event_limit_exceptions", {}},
    Deprecated{"smtpd_per_record_deadline", "smtpd_per_request_deadline", {}},
    Deprecated{"tlsproxy_client_level", "tlsproxy_client_security_level", {}},
    Deprecated{"tlsproxy_client_policy", "tlsproxy_client_policy_maps", {}},
    Deprecated{"virtual_maps", "virtual_alias_maps", {}},
};

}  // namespace

std::optional<std::string> deprecation_advice(std::string_view name) {
    const auto* found = std::ranges::find(kDeprecated, name, &Deprecated::name);
    if (found == kDeprecated.end()) {
        return {};
    }
    auto remedy = found->successor.empty() ? std::string(found->remedy)
                                           : format("specify \"{}\"", found->successor);
    return format("support for parameter \"{}\" will be removed; instead, {}", name, remedy);
}

}  // namespace relais
