// check_client_access and its kin: what an access table says about who and what the session names.
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"

#include "smtpd/access_table.h"
#include "smtpd/auth_offer.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

Task<Verdict> check_keys(Check& check, Judged judged, const RestrictionItem& item,
                         AccessKeys keys) {
    const auto outcome = co_await search_access(check, judged, item.table, std::move(keys));
    co_return outcome.verdict;
}

// A result that lets mail pass is not believed for a recipient that names a route of its own.
Task<Verdict> check_address(Check& check, Judged judged, const RestrictionItem& item) {
    auto& session = check.session;
    const auto resolved = co_await session.site.addresses.resolve(check.sender(), judged.name);
    if (!resolved || resolved->failed()) {
        co_return check.reject_lookup_failure(judged.name);
    }
    const auto& address = resolved->recipient;
    if (!split_address(address).has_domain) {
        co_return Verdict::kDunno;
    }
    const bool routed = (resolved->flags & kResolveRouted) != 0;
    const bool suspicious =
        routed && judged.reply_class == "Recipient address" && !conf().allow_untrusted_routing();
    auto keys =
        keys_of_address(address, conf().recipient_delimiter(), conf().double_bounce_sender(),
                        check.session.site.parents_in_access);
    const auto verdict = co_await check_keys(check, std::move(judged), item, std::move(keys));
    co_return verdict == Verdict::kPermit&& suspicious ? Verdict::kDunno : verdict;
}

}  // namespace

Task<Verdict> restrict_check_client_access(Check& check, const RestrictionItem& item) {
    const auto& client = check.session.client;
    const Judged judged{client.label, "Client host"};
    const auto outcome =
        co_await search_access_of_host(check, judged, item.table, client.name, client.address);
    co_return outcome.verdict;
}

Task<Verdict> restrict_check_reverse_client_hostname_access(Check& check,
                                                            const RestrictionItem& item) {
    const auto& client = check.session.client;
    const Judged judged{client.reverse_name, "Unverified Client host"};
    const auto outcome = co_await search_access_of_host(check, judged, item.table,
                                                        client.reverse_name, client.address);
    co_return outcome.verdict;
}

Task<Verdict> restrict_check_helo_access(Check& check, const RestrictionItem& item) {
    const auto& helo = check.session.helo;
    if (helo.empty()) {
        co_return Verdict::kDunno;
    }
    co_return co_await check_keys(check, {helo, "Helo command"}, item,
                                  keys_of_domain(helo, check.session.site.parents_in_access));
}

Task<Verdict> restrict_check_sender_access(Check& check, const RestrictionItem& item) {
    if (!check.session.sender()) {
        co_return Verdict::kDunno;
    }
    const auto& sender = check.sender();
    if (sender.empty()) {
        AccessKeys null_sender = {{conf().smtpd_null_access_lookup_key(), KeyKind::kWhole}};
        co_return co_await check_keys(check, {sender, "Sender address"}, item,
                                      std::move(null_sender));
    }
    co_return co_await check_address(check, {sender, "Sender address"}, item);
}

Task<Verdict> restrict_check_recipient_access(Check& check, const RestrictionItem& item) {
    if (check.recipient.empty()) {
        co_return Verdict::kDunno;
    }
    co_return co_await check_address(check, {check.recipient, "Recipient address"}, item);
}

Task<Verdict> restrict_check_etrn_access(Check& check, const RestrictionItem& item) {
    const auto& domain = check.session.etrn_domain;
    if (domain.empty()) {
        co_return Verdict::kDunno;
    }
    co_return co_await check_keys(check, {domain, "Etrn command"}, item,
                                  keys_of_domain(domain, check.session.site.parents_in_access));
}

Task<Verdict> restrict_check_sasl_access(Check& check, const RestrictionItem& item) {
    const auto& user = check.session.login.user;
    const bool active = co_await auth_is_active(check.session);
    if (!active || user.empty()) {
        co_return Verdict::kDunno;
    }
    AccessKeys keys = {{user, KeyKind::kWhole}};
    co_return co_await check_keys(check, {user, "SASL login name"}, item, std::move(keys));
}

Task<Verdict> restrict_check_ccert_access(Check& check, const RestrictionItem& item) {
    if (!conf().smtpd_tls_ask_ccert() && !conf().smtpd_tls_req_ccert()) {
        log_warning("{} is requested, but \"smtpd_tls_ask_ccert = no\"", item.name);
    }
    const auto* tls = check.session.tls.get();
    if (tls == nullptr || !tls->has_certificate()) {
        co_return Verdict::kDunno;
    }
    static const std::vector<CertificateKey> usual = {CertificateKey::kCertificate,
                                                      CertificateKey::kPublicKey};
    AccessKeys keys;
    for (const auto which : item.search_order.value_or(usual)) {
        keys.push_back({which == CertificateKey::kCertificate ? tls->certificate_fingerprint
                                                              : tls->key_fingerprint,
                        KeyKind::kWhole});
    }
    co_return co_await check_keys(check, {tls->peer_cn, "Client certificate"}, item,
                                  std::move(keys));
}

}  // namespace relais::smtpd
