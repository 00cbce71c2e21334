// The restrictions by name.  A new one is a line here and a function in a restrict_*.cc.
#include <array>

#include "lib/base/strings.h"

#include "smtpd/restrict.h"
#include "smtpd/restrictions.h"

namespace relais::smtpd {
namespace {

constexpr std::array<RestrictionInfo, 78> kRestrictions = {{
    {"permit", restrict_permit},
    {"reject", restrict_reject, Argument::kNone, true},
    {"defer", restrict_defer, Argument::kNone, true},
    {"defer_if_permit", restrict_defer_if_permit, Argument::kNone, true},
    {"defer_if_reject", restrict_defer_if_reject},
    {"permit_mynetworks", restrict_permit_mynetworks},
    {"permit_sasl_authenticated", restrict_permit_sasl_authenticated},
    {"permit_inet_interfaces", restrict_permit_inet_interfaces},
    {"permit_auth_destination", restrict_permit_auth_destination},
    {"reject_unauth_destination", restrict_reject_unauth_destination, Argument::kNone, true},
    {"defer_unauth_destination", restrict_defer_unauth_destination, Argument::kNone, true},
    {"reject_unlisted_recipient", restrict_reject_unlisted_recipient},
    {"reject_unlisted_sender", restrict_reject_unlisted_sender},
    {"reject_non_fqdn_sender", restrict_reject_non_fqdn_sender},
    {"reject_non_fqdn_recipient", restrict_reject_non_fqdn_recipient},
    {"reject_non_fqdn_helo_hostname", restrict_reject_non_fqdn_helo_hostname},
    {"reject_invalid_helo_hostname", restrict_reject_invalid_helo_hostname},
    {"reject_unknown_client_hostname", restrict_reject_unknown_client_hostname},
    {"reject_unknown_reverse_client_hostname", restrict_reject_unknown_reverse_client_hostname},
    {"reject_invalid_hostname", restrict_reject_invalid_helo_hostname},
    {"reject_non_fqdn_hostname", restrict_reject_non_fqdn_helo_hostname},
    {"reject_unknown_hostname", restrict_reject_unknown_helo_hostname},
    {"reject_unknown_client", restrict_reject_unknown_client_hostname},
    {"check_recipient_maps", restrict_reject_unlisted_recipient},
    {"reject_plaintext_session", restrict_reject_plaintext_session},
    {"reject_unauth_pipelining", restrict_reject_unauth_pipelining},
    {"reject_multi_recipient_bounce", restrict_reject_multi_recipient_bounce},
    {"permit_tls_clientcerts", restrict_permit_tls_clientcerts},
    {"permit_tls_all_clientcerts", restrict_permit_tls_all_clientcerts},
    {"permit_naked_ip_address", restrict_permit_naked_ip_address},
    {"check_relay_domains", restrict_check_relay_domains, Argument::kNone, true},
    {"reject_unknown_sender_domain", restrict_reject_unknown_sender_domain},
    {"reject_unknown_recipient_domain", restrict_reject_unknown_recipient_domain},
    {"reject_unknown_address", restrict_reject_unknown_address},
    {"reject_unknown_helo_hostname", restrict_reject_unknown_helo_hostname},
    {"check_client_access", restrict_check_client_access, Argument::kTable},
    {"check_reverse_client_hostname_access", restrict_check_reverse_client_hostname_access,
     Argument::kTable},
    {"check_helo_access", restrict_check_helo_access, Argument::kTable},
    {"check_sender_access", restrict_check_sender_access, Argument::kTable},
    {"check_recipient_access", restrict_check_recipient_access, Argument::kTable},
    {"check_etrn_access", restrict_check_etrn_access, Argument::kTable},
    {"check_sasl_access", restrict_check_sasl_access, Argument::kTable},
    {"check_ccert_access", restrict_check_ccert_access, Argument::kTable},
    {"check_policy_service", restrict_check_policy_service, Argument::kPolicy},
    {"check_client_ns_access", restrict_check_servers<Party::kClient, DnsType::kNs>,
     Argument::kTable},
    {"check_client_mx_access", restrict_check_servers<Party::kClient, DnsType::kMx>,
     Argument::kTable},
    {"check_client_a_access", restrict_check_servers<Party::kClient, DnsType::kA>,
     Argument::kTable},
    {"check_reverse_client_hostname_ns_access",
     restrict_check_servers<Party::kReverseClient, DnsType::kNs>, Argument::kTable},
    {"check_reverse_client_hostname_mx_access",
     restrict_check_servers<Party::kReverseClient, DnsType::kMx>, Argument::kTable},
    {"check_reverse_client_hostname_a_access",
     restrict_check_servers<Party::kReverseClient, DnsType::kA>, Argument::kTable},
    {"check_helo_ns_access", restrict_check_servers<Party::kHelo, DnsType::kNs>, Argument::kTable},
    {"check_helo_mx_access", restrict_check_servers<Party::kHelo, DnsType::kMx>, Argument::kTable},
    {"check_helo_a_access", restrict_check_servers<Party::kHelo, DnsType::kA>, Argument::kTable},
    {"check_sender_ns_access", restrict_check_servers<Party::kSender, DnsType::kNs>,
     Argument::kTable},
    {"check_sender_mx_access", restrict_check_servers<Party::kSender, DnsType::kMx>,
     Argument::kTable},
    {"check_sender_a_access", restrict_check_servers<Party::kSender, DnsType::kA>,
     Argument::kTable},
    {"check_recipient_ns_access", restrict_check_servers<Party::kRecipient, DnsType::kNs>,
     Argument::kTable},
    {"check_recipient_mx_access", restrict_check_servers<Party::kRecipient, DnsType::kMx>,
     Argument::kTable},
    {"check_recipient_a_access", restrict_check_servers<Party::kRecipient, DnsType::kA>,
     Argument::kTable},
    {"reject_rbl_client", restrict_reject_rbl_client, Argument::kDnsbl},
    {"reject_rbl", restrict_reject_rbl_client, Argument::kDnsbl},
    {"reject_maps_rbl", restrict_reject_maps_rbl},
    {"reject_rhsbl_client", restrict_reject_rhsbl_client, Argument::kDnsbl},
    {"reject_rhsbl_reverse_client", restrict_reject_rhsbl_reverse_client, Argument::kDnsbl},
    {"reject_rhsbl_helo", restrict_reject_rhsbl_helo, Argument::kDnsbl},
    {"reject_rhsbl_sender", restrict_reject_rhsbl_sender, Argument::kDnsbl},
    {"reject_rhsbl_recipient", restrict_reject_rhsbl_recipient, Argument::kDnsbl},
    {"permit_dnswl_client", restrict_permit_dnswl_client, Argument::kDnsbl},
    {"permit_rhswl_client", restrict_permit_rhswl_client, Argument::kDnsbl},
    {"reject_authenticated_sender_login_mismatch",
     restrict_reject_authenticated_sender_login_mismatch},
    {"reject_unauthenticated_sender_login_mismatch",
     restrict_reject_unauthenticated_sender_login_mismatch},
    {"reject_sender_login_mismatch", restrict_reject_sender_login_mismatch},
    {"reject_known_sender_login_mismatch", restrict_reject_known_sender_login_mismatch},
    {"reject_unverified_sender", restrict_reject_unverified_sender},
    {"reject_unverified_recipient", restrict_reject_unverified_recipient},
    {"reject_unverified_address", restrict_reject_unverified_sender},
    {"permit_mx_backup", restrict_permit_mx_backup},
    {"sleep", restrict_sleep, Argument::kWord},
}};

}  // namespace

const RestrictionInfo* find_restriction(std::string_view name) {
    for (const auto& restriction : kRestrictions) {
        if (iequals(restriction.name, name)) {
            return &restriction;
        }
    }
    return nullptr;
}

}  // namespace relais::smtpd
