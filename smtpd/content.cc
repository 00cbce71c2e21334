// The content of a message on its way in: see the header.
#include "smtpd/content.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "smtpd/mail_stream.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

bool is_whole_reply(std::string_view text) {
    return text.size() > 4 && (text[0] == '4' || text[0] == '5') && is_digit(text[1]) &&
           is_digit(text[2]) && (text[3] == ' ' || text[3] == '-');
}

// The reply to content, and what it means for the session.
Task<Outcome> finish(Session& session, std::string text) {
    session.reply(text);
    session.reset_mail();
    if (!text.starts_with('2')) {
        co_return Outcome::kFailed;
    }
    session.errors = 0;
    session.trouble = 0;
    session.junk = 0;
    co_await shorten_transcript(session);
    co_return Outcome::kDone;
}

// A message that was read to its end but is refused here: cleanup notices that nobody goes on.
Task<Outcome> refuse_content(Session& session, std::string text) {
    if (session.mail.cleanup) {
        (void)co_await session.mail.cleanup->flush();
    }
    session.reset_mail();
    session.reply(text);
    co_return Outcome::kFailed;
}

}  // namespace

ContentWriter::ContentWriter(Session& session, Top top)
    : session_(session),
      limit_(static_cast<std::uint64_t>(conf().message_size_limit())),
      top_(top == Top::kRepaired) {
}

void ContentWriter::put(const smtp::DataDecoder::Line& line) {
    auto& mail = session_.mail;
    if (problems_ != 0 || mail.actions.discard) {
        return;
    }
    if (limit_ > 0 && mail.content_size + line.text.size() + 2 > limit_) {
        problems_ |= kCleanupSize;
        log_warning("{}: queue file size limit exceeded", session_.queue_id());
        return;
    }
    mail.content_size += line.text.size() + 2;
    put_content(mail, line.part == LinePart::kWhole ? Rec::kLine : Rec::kLinePart, line.text);
}

// A message may begin with the "From " line of a mailbox, or with a line that a header above it
// would swallow.
void ContentWriter::take(const smtp::DataDecoder::Line& line) {
    if (top_) {
        if (trim_left(line.text, ">").starts_with("From ")) {
            const auto text = format("X-Mailbox-Line: {}", line.text);
            put({text, line.part});
            return;
        }
        top_ = false;
        if (line.text.starts_with(' ') || line.text.starts_with('\t')) {
            put({"", LinePart::kWhole});
        }
    }
    put(line);
}

Task<void> ContentWriter::relieve() {
    problems_ |= co_await smtpd::relieve(session_.mail);
}

RateDeadline content_deadline(Session& session) {
    const bool limited = conf().smtpd_per_request_deadline();
    return {session.stream.get(), conf().smtpd_timeout(),
            limited ? conf().smtpd_min_data_rate() : 0};
}

std::string content_refusal(const CleanupReply& answer) {
    if (is_whole_reply(answer.reason)) {
        return answer.reason;
    }
    const auto& detail = cleanup_status_text(answer.status);
    const bool own_words = (detail.bit & (kCleanupDefer | kCleanupContent)) != 0;
    if (own_words && !answer.reason.empty()) {
        return format("{} {}", detail.smtp_code, answer.reason);
    }
    return format("{} {} Error: {}", detail.smtp_code, detail.dsn, detail.text);
}

std::string refuse_bare_newline(Session& session) {
    session.logged_recipient = session.mail.only_recipient();
    session.log_event("reject", "bare <LF> received");
    session.logged_recipient.reset();
    return format("{} 5.5.2 {} Error: bare <LF> received",
                  conf().smtpd_forbid_bare_newline_reject_code(), session.site.hostname);
}

Task<std::string> before_content(Session& session) {
    std::string refusal;
    if (!session.stand_alone()) {
        refusal = co_await check_data(session);
    }
    if (refusal.empty() && session.milters.active()) {
        refusal = co_await session.milters.data();
    }
    if (refusal.empty()) {
        refusal = co_await pass_data(session.mail);
    }
    co_return refusal;
}

Task<Outcome> end_of_message(Session& session, ContentEnd end) {
    session.where = "END-OF-MESSAGE";
    if (end.bare_newline) {
        auto refusal = refuse_bare_newline(session);
        co_return co_await refuse_content(session, std::move(refusal));
    }
    CleanupReply answer;
    answer.status = end.problems;
    if (answer.ok() && !session.stand_alone()) {
        auto refusal = co_await check_end_of_data(session);
        if (!refusal.empty()) {
            co_return co_await refuse_content(session, std::move(refusal));
        }
    }
    if (session.mail.proxy) {
        auto text = co_await end_proxied_mail(session, end.problems);
        co_return co_await finish(session, std::move(text));
    }
    if (answer.ok()) {
        answer = co_await end_mail(session);
    }
    if (end.problems != 0) {
        (void)co_await session.mail.cleanup->flush();
    }
    auto text = answer.ok()
                    ? format("250 2.0.0 Ok: {}queued as {}", end.size, session.mail.queue_id)
                    : content_refusal(answer);
    if (is_whole_reply(answer.reason)) {
        text = session.milters.own_reply(answer.reason);
    }
    co_return co_await finish(session, std::move(text));
}

}  // namespace relais::smtpd
