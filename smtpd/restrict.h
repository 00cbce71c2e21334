// The functions behind the names of restrictions.
#pragma once

#include <string>

#include "lib/dns/dns_message.h"

#include "smtpd/restrictions.h"

namespace relais::smtpd {

// restrict_basic.cc: who the client is, and plain words
Task<Verdict> restrict_permit(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_defer(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_defer_if_permit(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_defer_if_reject(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_permit_mynetworks(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_permit_sasl_authenticated(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_permit_inet_interfaces(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_sleep(Check& check, const RestrictionItem& item);

// restrict_names.cc: the form of names and addresses
Task<Verdict> restrict_reject_non_fqdn_sender(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_non_fqdn_recipient(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_non_fqdn_helo_hostname(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_invalid_helo_hostname(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_unknown_client_hostname(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_unknown_reverse_client_hostname(Check& check,
                                                              const RestrictionItem& item);

// restrict_destination.cc: whether this system takes mail for the recipient
Task<Verdict> restrict_permit_auth_destination(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_unauth_destination(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_defer_unauth_destination(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_check_relay_domains(Check& check, const RestrictionItem& item);
// Neither is it its destination, nor does it relay there.
Task<bool> goes_elsewhere(Check& check);

// restrict_unlisted.cc: whether there is such a user
Task<Verdict> restrict_reject_unlisted_recipient(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_unlisted_sender(Check& check, const RestrictionItem& item);

// restrict_session.cc: how the session goes
Task<Verdict> restrict_reject_plaintext_session(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_unauth_pipelining(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_multi_recipient_bounce(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_permit_tls_clientcerts(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_permit_tls_all_clientcerts(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_permit_naked_ip_address(Check& check, const RestrictionItem& item);

// restrict_domains.cc: whether DNS knows the names
Task<Verdict> restrict_reject_unknown_sender_domain(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_unknown_recipient_domain(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_unknown_address(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_unknown_helo_hostname(Check& check, const RestrictionItem& item);

// restrict_access.cc: what an access table says
Task<Verdict> restrict_check_client_access(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_check_reverse_client_hostname_access(Check& check,
                                                            const RestrictionItem& item);
Task<Verdict> restrict_check_helo_access(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_check_sender_access(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_check_recipient_access(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_check_etrn_access(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_check_sasl_access(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_check_ccert_access(Check& check, const RestrictionItem& item);

// restrict_policy.cc: what a policy server says
Task<Verdict> restrict_check_policy_service(Check& check, const RestrictionItem& item);

// restrict_servers.cc: what an access table says about the mail exchangers, name servers or
// addresses (`type`) of what a party of the session calls itself
enum class Party { kClient, kReverseClient, kHelo, kSender, kRecipient };
Task<Verdict> check_servers_of(Check& check, const RestrictionItem& item, Party party,
                               DnsType type);

template <Party party, DnsType type>
Task<Verdict> restrict_check_servers(Check& check, const RestrictionItem& item) {
    return check_servers_of(check, item, party, type);
}

// restrict_dnsbl.cc: what DNS-based lists say
Task<Verdict> restrict_reject_rbl_client(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_maps_rbl(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_rhsbl_client(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_rhsbl_reverse_client(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_rhsbl_helo(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_rhsbl_sender(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_rhsbl_recipient(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_permit_dnswl_client(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_permit_rhswl_client(Check& check, const RestrictionItem& item);

// restrict_login.cc: whose address the sender is
Task<Verdict> restrict_reject_authenticated_sender_login_mismatch(Check& check,
                                                                  const RestrictionItem& item);
Task<Verdict> restrict_reject_unauthenticated_sender_login_mismatch(Check& check,
                                                                    const RestrictionItem& item);
Task<Verdict> restrict_reject_sender_login_mismatch(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_known_sender_login_mismatch(Check& check,
                                                          const RestrictionItem& item);

// restrict_verify.cc: whether mail to the address would be taken
Task<Verdict> restrict_reject_unverified_sender(Check& check, const RestrictionItem& item);
Task<Verdict> restrict_reject_unverified_recipient(Check& check, const RestrictionItem& item);

// restrict_mx_backup.cc
Task<Verdict> restrict_permit_mx_backup(Check& check, const RestrictionItem& item);

}  // namespace relais::smtpd
