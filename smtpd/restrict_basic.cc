// Restrictions that look at nothing, or at who the client is.
#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"

#include "smtpd/auth_offer.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {

Task<Verdict> restrict_permit(Check& /*check*/, const RestrictionItem& /*item*/) {
    co_return Verdict::kPermit;
}

Task<Verdict> restrict_reject(Check& check, const RestrictionItem& /*item*/) {
    co_return check.reject(
        conf().reject_code(), "5.7.1",
        format("<{}>: {} rejected: Access denied", check.subject, check.subject_class));
}

Task<Verdict> restrict_defer(Check& check, const RestrictionItem& /*item*/) {
    co_return check.reject(
        conf().defer_code(), "4.3.2",
        format("<{}>: {} rejected: Try again later", check.subject, check.subject_class));
}

Task<Verdict> restrict_defer_if_permit(Check& check, const RestrictionItem& /*item*/) {
    check.defer_if_permit(
        450, "4.7.0",
        format("<{}>: {} rejected: defer_if_permit requested", check.subject, check.subject_class));
    co_return Verdict::kDunno;
}

Task<Verdict> restrict_defer_if_reject(Check& check, const RestrictionItem& /*item*/) {
    check.defer_if_reject(
        450, "4.7.0",
        format("<{}>: {} rejected: defer_if_reject requested", check.subject, check.subject_class));
    co_return Verdict::kDunno;
}

Task<Verdict> restrict_permit_mynetworks(Check& check, const RestrictionItem& /*item*/) {
    const auto& client = check.session.client;
    const auto match =
        co_await check.session.site.clients.own_networks.match(client.name, client.address);
    if (match == Match::kError) {
        co_return check.reject_lookup_failure(check.subject);
    }
    if (match == Match::kYes && in_force(OldDefault::kMynetworksStyle) &&
        !is_own_address(check.session.client.address)) {
        log_old_default(OldDefault::kMynetworksStyle,
                        format("to permit request from client \"{}\"", client.label));
    }
    co_return match == Match::kYes ? Verdict::kPermit : Verdict::kDunno;
}

Task<Verdict> restrict_permit_sasl_authenticated(Check& check, const RestrictionItem& /*item*/) {
    const bool active = co_await auth_is_active(check.session);
    co_return active&& check.session.login.authenticated() ? Verdict::kPermit : Verdict::kDunno;
}

Task<Verdict> restrict_permit_inet_interfaces(Check& check, const RestrictionItem& /*item*/) {
    co_return is_own_address(check.session.client.address) ? Verdict::kPermit : Verdict::kDunno;
}

Task<Verdict> restrict_sleep(Check& /*check*/, const RestrictionItem& item) {
    const auto seconds = parse_uint(item.argument);
    if (!seconds || *seconds > 3600) {
        log_warning("bad argument to the sleep restriction: \"{}\"", item.argument);
        co_return Verdict::kDunno;
    }
    co_await sleep_for(std::chrono::seconds(*seconds));
    co_return Verdict::kDunno;
}

}  // namespace relais::smtpd
