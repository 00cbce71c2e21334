// Restrictions on where mail may go: the ones that keep this system from relaying for strangers.
#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/mail/address.h"

#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

enum class Destination { kOurs, kElsewhere, kUnknown };

// Whether this system is the final destination or a relay for the recipient.
Task<Destination> destination_of(Check& check) {
    auto& session = check.session;
    const auto resolved =
        co_await session.site.addresses.resolve(session.mail.sender.value_or(""), check.recipient);
    if (!resolved || resolved->failed()) {
        co_return Destination::kUnknown;
    }
    if (resolved->recipient.find('@') == std::string::npos) {
        co_return Destination::kOurs;
    }
    // "user%elsewhere@here" goes elsewhere in the end.
    if ((resolved->flags & kResolveRouted) != 0 && !conf().allow_untrusted_routing()) {
        co_return Destination::kElsewhere;
    }
    if ((resolved->flags & kResolveRelay) != 0 && in_force(OldDefault::kRelayDomains)) {
        log_old_default(
            OldDefault::kRelayDomains,
            format("to accept mail for domain \"{}\"", split_address(resolved->recipient).domain));
    }
    co_return resolved->is_ours() ? Destination::kOurs : Destination::kElsewhere;
}

Task<Verdict> refuse_strangers(Check& check, int code) {
    if (check.recipient.empty()) {
        co_return Verdict::kDunno;
    }
    switch (co_await destination_of(check)) {
        case Destination::kOurs:
            co_return Verdict::kDunno;
        case Destination::kUnknown:
            co_return check.reject_lookup_failure(check.recipient);
        case Destination::kElsewhere:
            break;
    }
    co_return check.reject(code, code >= 500 ? "5.7.1" : "4.7.1",
                           format("<{}>: Relay access denied", check.recipient));
}

}  // namespace

Task<bool> goes_elsewhere(Check& check) {
    co_return co_await destination_of(check) == Destination::kElsewhere;
}

Task<Verdict> restrict_permit_auth_destination(Check& check, const RestrictionItem& /*item*/) {
    if (check.recipient.empty()) {
        co_return Verdict::kDunno;
    }
    switch (co_await destination_of(check)) {
        case Destination::kOurs:
            co_return Verdict::kPermit;
        case Destination::kUnknown:
            co_return check.reject_lookup_failure(check.recipient);
        case Destination::kElsewhere:
            break;
    }
    co_return Verdict::kDunno;
}

Task<Verdict> restrict_reject_unauth_destination(Check& check, const RestrictionItem& /*item*/) {
    co_return co_await refuse_strangers(check, conf().relay_domains_reject_code());
}

Task<Verdict> restrict_defer_unauth_destination(Check& check, const RestrictionItem& /*item*/) {
    // The code of the rejection, as a temporary one.
    co_return co_await refuse_strangers(check, conf().relay_domains_reject_code() - 100);
}

// The old form of permit_auth_destination and reject_unauth_destination together.
Task<Verdict> restrict_check_relay_domains(Check& check, const RestrictionItem& item) {
    log_warning(
        "support for restriction \"{}\" will be removed from Postfix; use "
        "\"reject_unauth_destination\" instead",
        item.name);
    const auto verdict = co_await restrict_permit_auth_destination(check, item);
    if (verdict != Verdict::kDunno || check.recipient.empty()) {
        co_return verdict;
    }
    co_return check.reject(
        conf().relay_domains_reject_code(), "5.7.1",
        format("<{}>: Recipient address rejected: Relay access denied", check.recipient));
}

}  // namespace relais::smtpd
