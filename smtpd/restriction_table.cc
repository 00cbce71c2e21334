// The restrictions by name.  A new one is a line here and a function in a restrict_*.cc.
#include <array>

#include "lib/base/strings.h"

#include "smtpd/restrict.h"
#include "smtpd/restrictions.h"

namespace relais::smtpd {
namespace {

constexpr std::array<RestrictionInfo, 20> kRestrictions = {{
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
    {"sleep", restrict_sleep, Argument::kOne},
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
