// Who may use which sender address: smtpd_sender_login_maps.
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/rules/address_lookup.h"

#include "smtpd/auth_offer.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

bool owns(std::string_view owners, std::string_view user) {
    const auto names = split_words(owners, ", \t\r\n");
    return std::ranges::any_of(names,
                               [user](std::string_view name) { return iequals(name, user); });
}

// The logins that own the sender's address, as the tables have them.
Task<Lookup> owners_of_sender(Check& check) {
    auto& site = check.session.site;
    const AddressLookup lookup(&site.tables.sender_logins, &site.local_domains);
    auto match = co_await lookup.lookup(check.sender());
    co_return std::move(match.lookup);
}

Verdict reject_owner(Check& check, std::string_view why) {
    return check.reject(553, "5.7.1",
                        format("<{}>: Sender address rejected: {}", check.sender(), why));
}

enum class OfUnknownSender { kRefused, kAllowed };

// Refuses a client that is logged in and uses an address that is not its own.
Task<Verdict> reject_authenticated(Check& check, OfUnknownSender unknown) {
    const auto& login = check.session.login;
    const bool active = co_await auth_is_active(check.session);
    if (!active || !login.authenticated() || check.sender().empty()) {
        co_return Verdict::kDunno;
    }
    const auto owners = co_await owners_of_sender(check);
    if (owners.is_error()) {
        co_return check.reject_lookup_failure(check.sender());
    }
    const bool allowed =
        owners.is_found() ? owns(owners.value(), login.user) : unknown == OfUnknownSender::kAllowed;
    co_return allowed ? Verdict::kDunno
                      : reject_owner(check, format("not owned by user {}", login.user));
}

// Refuses a client that is not logged in and uses an address that somebody owns.
Task<Verdict> reject_unauthenticated(Check& check) {
    const auto& login = check.session.login;
    if (login.authenticated() || check.sender().empty()) {
        co_return Verdict::kDunno;
    }
    const auto owners = co_await owners_of_sender(check);
    if (owners.is_error()) {
        co_return check.reject_lookup_failure(check.sender());
    }
    co_return owners.is_found() ? reject_owner(check, "not logged in") : Verdict::kDunno;
}

}  // namespace

Task<Verdict> restrict_reject_authenticated_sender_login_mismatch(Check& check,
                                                                  const RestrictionItem& /*item*/) {
    co_return co_await reject_authenticated(check, OfUnknownSender::kRefused);
}

Task<Verdict> restrict_reject_unauthenticated_sender_login_mismatch(
    Check& check, const RestrictionItem& /*item*/) {
    co_return co_await reject_unauthenticated(check);
}

Task<Verdict> restrict_reject_sender_login_mismatch(Check& check, const RestrictionItem& item) {
    const auto verdict = co_await restrict_reject_authenticated_sender_login_mismatch(check, item);
    co_return verdict != Verdict::kDunno ? verdict : co_await reject_unauthenticated(check);
}

Task<Verdict> restrict_reject_known_sender_login_mismatch(Check& check,
                                                          const RestrictionItem& /*item*/) {
    const auto verdict = co_await reject_authenticated(check, OfUnknownSender::kAllowed);
    co_return verdict != Verdict::kDunno ? verdict : co_await reject_unauthenticated(check);
}

}  // namespace relais::smtpd
