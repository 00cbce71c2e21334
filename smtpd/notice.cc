// Notices to the postmaster: see the header.
#include "smtpd/notice.h"

#include <utility>

#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/mail/dsn.h"
#include "lib/smtp/reply.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
unsigned notice_class_of(std::string_view reply) {
    if (!reply.starts_with('4') && !reply.starts_with('5')) {
        return 0;
    }
    const auto parts = smtp::split_reply(reply);
    if (!parts.dsn || parts.dsn->subject() == 5) {
        return kNoticeProtocol;
    }
    if (parts.text.contains(" rejected: User unknown")) {
        return kNoticeBounce;
    }
    if (parts.text.contains(" rejected: ")) {
        return kNoticePolicy;
    }
    if (parts.dsn->subject() == 3) {
        const bool lookup = parts.text.ends_with("Temporary lookup failure") ||
                            parts.text.ends_with("Server local data error");
        return lookup                     ? kNoticeData
               : parts.dsn->detail() == 2 ? kNoticePolicy
               : parts.dsn->detail() == 5 ? kNoticeSoftware
               : parts.dsn->detail() == 4 ? kNoticeBounce
                                          : kNoticeResource;
    }
    if (parts.code == 454 && parts.text.starts_with("TLS")) {
        return kNoticeResource;
    }
    return parts.code == 421 ? kNoticeProtocol : kNoticePolicy;
}

Task<void> send_notice(const Session& session) {
    SessionNotice notice;
    // Mail that was turned down is the business of who hears of bounces, whatever else went wrong.
    const bool turned_down = (session.trouble & kNoticeBounce) != 0;
    notice.recipient =
        turned_down ? conf().bounce_notice_recipient() : conf().error_notice_recipient();
    notice.subject = format("SMTP server: errors from {}", session.client.label);
    co_await send_session_notice(std::move(notice), session.transcript.lines());
}

Task<void> shorten_transcript(Session& session) {
    if (session.transcript.count() > conf().smtpd_history_flush_threshold()) {
        if ((session.trouble & session.site.notices) != 0 && !session.stand_alone()) {
            co_await send_notice(session);
        }
        session.trouble = 0;
        session.transcript.clear();
    }
}

}  // namespace relais::smtpd
