// Restrictions on how the session goes: encryption, certificates, pipelining, the null sender.
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {

Task<Verdict> restrict_reject_plaintext_session(Check& check, const RestrictionItem& /*item*/) {
    co_return check.session.tls
        ? Verdict::kDunno
        : check.reject(conf().plaintext_reject_code(), "4.7.1", "Session encryption is required");
}

// Before DATA, ESMTP allows commands in a row (RFC 2920); other sessions and DATA do not.
Task<Verdict> restrict_reject_unauth_pipelining(Check& check, const RestrictionItem& /*item*/) {
    const auto& session = check.session;
    const bool may_pipeline = session.extended && session.where != "DATA";
    if (session.stream->buffered().empty() || may_pipeline) {
        co_return Verdict::kDunno;
    }
    co_return check.reject(503, "5.5.0",
                           format("<{}>: {} rejected: Improper use of SMTP command pipelining",
                                  check.subject, check.subject_class));
}

// A bounce has one recipient: whoever sent the message that it is about.
Task<Verdict> restrict_reject_multi_recipient_bounce(Check& check,
                                                     const RestrictionItem& /*item*/) {
    const auto& mail = check.session.mail;
    if (!mail.sender || !mail.sender->empty()) {
        co_return Verdict::kDunno;
    }
    const bool at_rcpt = check.session.where == "RCPT";
    if (mail.recipients + (at_rcpt ? 1 : 0) <= 1) {
        co_return Verdict::kDunno;
    }
    co_return check.reject(
        conf().multi_recipient_bounce_reject_code(), "5.5.3",
        format("<{}>: {} rejected: Multi-recipient bounce", check.subject, check.subject_class));
}

Task<Verdict> restrict_permit_tls_clientcerts(Check& check, const RestrictionItem& /*item*/) {
    const auto* tls = check.session.tls.get();
    if (tls == nullptr || !tls->has_certificate()) {
        co_return Verdict::kDunno;
    }
    const auto found = co_await check.session.site.find_relay_certificate(tls);
    if (found.is_error()) {
        log_warning("relay_clientcerts: lookup error for fingerprint '{}', pkey fingerprint {}",
                    tls->certificate_fingerprint, tls->key_fingerprint);
        co_return check.reject_lookup_failure(check.subject);
    }
    co_return found.is_found() ? Verdict::kPermit : Verdict::kDunno;
}

Task<Verdict> restrict_permit_tls_all_clientcerts(Check& check, const RestrictionItem& /*item*/) {
    const auto* tls = check.session.tls.get();
    co_return tls != nullptr && tls->trust >= TlsTrust::kTrusted ? Verdict::kPermit
                                                                 : Verdict::kDunno;
}

// Says what it did once; it does nothing any more.
Task<Verdict> restrict_permit_naked_ip_address(Check& /*check*/, const RestrictionItem& item) {
    log_warning(
        "restriction {} is deprecated. Use permit_mynetworks or permit_sasl_authenticated instead",
        item.name);
    co_return Verdict::kDunno;
}

}  // namespace relais::smtpd
