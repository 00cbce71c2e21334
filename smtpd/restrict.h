// The functions behind the names of restrictions.
#pragma once

#include <string>

#include "smtpd/restrictions.h"

namespace relais::smtpd {

// restrict_basic.cc: who the client is, and plain words
Task<Verdict> restrict_permit(Check& check, const std::string& argument);
Task<Verdict> restrict_reject(Check& check, const std::string& argument);
Task<Verdict> restrict_defer(Check& check, const std::string& argument);
Task<Verdict> restrict_defer_if_permit(Check& check, const std::string& argument);
Task<Verdict> restrict_defer_if_reject(Check& check, const std::string& argument);
Task<Verdict> restrict_permit_mynetworks(Check& check, const std::string& argument);
Task<Verdict> restrict_permit_sasl_authenticated(Check& check, const std::string& argument);
Task<Verdict> restrict_permit_inet_interfaces(Check& check, const std::string& argument);
Task<Verdict> restrict_sleep(Check& check, const std::string& argument);

// restrict_names.cc: the form of names and addresses
Task<Verdict> restrict_reject_non_fqdn_sender(Check& check, const std::string& argument);
Task<Verdict> restrict_reject_non_fqdn_recipient(Check& check, const std::string& argument);
Task<Verdict> restrict_reject_non_fqdn_helo_hostname(Check& check, const std::string& argument);
Task<Verdict> restrict_reject_invalid_helo_hostname(Check& check, const std::string& argument);
Task<Verdict> restrict_reject_unknown_client_hostname(Check& check, const std::string& argument);
Task<Verdict> restrict_reject_unknown_reverse_client_hostname(Check& check,
                                                              const std::string& argument);

// restrict_destination.cc: whether this system takes mail for the recipient
Task<Verdict> restrict_permit_auth_destination(Check& check, const std::string& argument);
Task<Verdict> restrict_reject_unauth_destination(Check& check, const std::string& argument);
Task<Verdict> restrict_defer_unauth_destination(Check& check, const std::string& argument);
// Neither is it its destination, nor does it relay there.
Task<bool> goes_elsewhere(Check& check);

// restrict_unlisted.cc: whether there is such a user
Task<Verdict> restrict_reject_unlisted_recipient(Check& check, const std::string& argument);
Task<Verdict> restrict_reject_unlisted_sender(Check& check, const std::string& argument);

}  // namespace relais::smtpd
