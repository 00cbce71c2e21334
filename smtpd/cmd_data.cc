// DATA and the content behind it.  RFC 5321 4.1.1.4
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"
#include "lib/smtp/data_decoder.h"

#include "smtpd/mail_stream.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// Records are passed on to cleanup when so many bytes have gathered.
constexpr std::size_t kFlushAt = std::size_t{64} << 10;

std::string refuse_data(const Session& session, const CommandInput& input) {
    if (session.mail.recipients == 0) {
        return session.mail.active() ? "554 5.5.1 Error: no valid recipients"
                                     : "503 5.5.1 Error: need RCPT command";
    }
    return input.line.arguments.empty() ? "" : "501 5.5.4 Syntax: DATA";
}

// Takes the content in and turns it into records.
class ContentReader {
  public:
    ContentReader(Session& session, smtp::BareNewline mode)
        : session_(session),
          decoder_(mode, static_cast<std::size_t>(conf().line_length_limit())),
          limit_(static_cast<std::uint64_t>(conf().message_size_limit())) {}

    // Until the end of data.
    Task<void> read();

    // What is wrong with the content, as CleanupStatus bits.
    unsigned problems() const { return problems_; }

    bool saw_bare_newline() const { return decoder_.saw_bare_newline(); }

  private:
    void take_line(const smtp::DataDecoder::Line& line);
    void put(const smtp::DataDecoder::Line& line);

    Session& session_;
    smtp::DataDecoder decoder_;
    std::uint64_t limit_;
    unsigned problems_ = 0;
    bool first_ = true;
};

void ContentReader::put(const smtp::DataDecoder::Line& line) {
    auto& mail = session_.mail;
    if (problems_ != 0) {
        return;
    }
    if (limit_ > 0 && mail.content_size + line.text.size() + 2 > limit_) {
        problems_ |= kCleanupSize;
        log_warning("{}: queue file size limit exceeded", mail.queue_id);
        return;
    }
    mail.content_size += line.text.size() + 2;
    mail.cleanup->put(line.part == LinePart::kWhole ? Rec::kLine : Rec::kLinePart, line.text);
}

// A message may begin with the "From " line of a mailbox, or with a line that a header above it
// would swallow.
void ContentReader::take_line(const smtp::DataDecoder::Line& line) {
    if (first_) {
        if (trim_left(line.text, ">").starts_with("From ")) {
            const auto text = format("X-Mailbox-Line: {}", line.text);
            put({text, line.part});
            return;
        }
        first_ = false;
        if (line.text.starts_with(' ') || line.text.starts_with('\t')) {
            put({"", LinePart::kWhole});
        }
    }
    put(line);
}

Task<void> ContentReader::read() {
    auto& stream = *session_.stream;
    const bool limited = conf().smtpd_per_request_deadline();
    auto until = std::chrono::steady_clock::now() + conf().smtpd_timeout();
    for (;;) {
        const auto whole = stream.buffered();
        auto input = whole;
        smtp::DataDecoder::Line line;
        auto step = decoder_.next(input, line);
        while (step == smtp::DataDecoder::Step::kLine) {
            take_line(line);
            step = decoder_.next(input, line);
        }
        stream.consume(whole.size() - input.size());
        if (step == smtp::DataDecoder::Step::kEnd) {
            stream.set_deadline({});
            co_return;
        }
        auto& cleanup = *session_.mail.cleanup;
        if (cleanup.unsent() >= kFlushAt) {
            const auto sent = co_await cleanup.flush();
            problems_ |= sent ? 0U : static_cast<unsigned>(kCleanupWrite);
        }
        if (limited) {
            // A client that sends at smtpd_min_data_rate at least may take its time.
            const auto taken = whole.size() - input.size();
            until += std::chrono::milliseconds(taken * 1000 /
                                               static_cast<unsigned>(conf().smtpd_min_data_rate()));
            stream.set_deadline(Deadline::after(until - std::chrono::steady_clock::now()));
        }
        const bool more = co_await stream.fill();
        if (!more) {
            throw EndOfStream();
        }
    }
}

bool is_whole_reply(std::string_view text) {
    return text.size() > 4 && (text[0] == '4' || text[0] == '5') && is_digit(text[1]) &&
           is_digit(text[2]) && text[3] == ' ';
}

// The reply to the end of data.
std::string data_reply(const Session& session, const CleanupReply& answer) {
    if (answer.ok()) {
        return format("250 2.0.0 Ok: queued as {}", session.mail.queue_id);
    }
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

// A message that was read to its end but is refused here: cleanup notices that nobody goes on.
Task<Outcome> refuse_content(Session& session, std::string text) {
    (void)co_await session.mail.cleanup->flush();
    session.reset_mail();
    session.reply(text);
    co_return Outcome::kFailed;
}

Task<smtp::BareNewline> newline_mode(Session& session) {
    auto mode = session.site.bare_newline;
    if (mode != smtp::BareNewline::kAccept) {
        const auto excluded = co_await session.site.clients.bare_newlines.match(
            session.client.name, session.client.address);
        mode = excluded == Match::kYes ? smtp::BareNewline::kAccept : mode;
    }
    co_return mode;
}

}  // namespace

Task<Outcome> cmd_data(Session& session, const CommandInput& input) {
    auto refusal = refuse_data(session, input);
    if (refusal.empty() && !session.stand_alone()) {
        refusal = co_await check_data(session);
    }
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    const auto mode = co_await newline_mode(session);
    session.reply("354 End data with <CR><LF>.<CR><LF>");
    session.where = "DATA content";
    begin_content(session);
    ContentReader content(session, mode);
    co_await content.read();
    session.where = "END-OF-MESSAGE";
    if (content.saw_bare_newline() && mode == smtp::BareNewline::kReject) {
        if (session.mail.recipients == 1) {
            session.logged_recipient = session.mail.first_recipient;
        }
        session.log_event("reject", "bare <LF> received");
        co_return co_await refuse_content(
            session, format("{} 5.5.2 {} Error: bare <LF> received",
                            conf().smtpd_forbid_bare_newline_reject_code(), session.site.hostname));
    }
    CleanupReply answer;
    answer.status = content.problems();
    if (answer.ok() && !session.stand_alone()) {
        refusal = co_await check_end_of_data(session);
        if (!refusal.empty()) {
            co_return co_await refuse_content(session, std::move(refusal));
        }
    }
    if (answer.ok()) {
        answer = co_await end_mail(session);
    }
    if (content.problems() != 0) {
        (void)co_await session.mail.cleanup->flush();
    }
    session.reply(data_reply(session, answer));
    session.reset_mail();
    if (!answer.ok()) {
        co_return Outcome::kFailed;
    }
    session.errors = 0;
    session.trouble = 0;
    session.transcript.clear();
    session.junk = 0;
    co_return Outcome::kDone;
}

}  // namespace relais::smtpd
