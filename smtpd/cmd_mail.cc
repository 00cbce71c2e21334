// MAIL FROM.  RFC 5321 4.1.1.2
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "smtpd/envelope_address.h"
#include "smtpd/mail_stream.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// What must hold before the address is looked at; "" where it does.
Task<std::string> refuse_mail(Session& session, const CommandInput& input) {
    if (conf().smtpd_helo_required() && session.helo.empty()) {
        co_return std::string("503 5.5.1 Error: send HELO/EHLO first");
    }
    if (session.mail.active()) {
        co_return std::string("503 5.5.1 Error: nested MAIL command");
    }
    if (session.mail.chunks_begun()) {
        co_return std::string("503 5.5.1 Error: MAIL after BDAT");
    }
    const auto& words = input.line.arguments;
    if (words.size() < 2 || !iequals(words[0].text, "from:")) {
        co_return std::string("501 5.5.4 Syntax: MAIL FROM:<address>");
    }
    co_return co_await session.over_rate_limit(Session::RateCheck::kMessage);
}

std::string refuse_verp(const smtp::MailParameters& parameters, const std::string& sender) {
    return parameters.verp && sender.empty() ? "503 5.5.4 Error: XVERP requires non-null sender"
                                             : "";
}

// "PID.SECONDS.MICROSECONDS.NUMBER", in hexadecimal: the same for all requests about one message.
std::string new_instance() {
    static unsigned number = 0;
    timeval now{};
    ::gettimeofday(&now, nullptr);
    return format("{:x}.{:x}.{:x}.{:x}", ::getpid(), now.tv_sec, now.tv_usec, number++);
}

// The sender's restrictions, and the room.
Task<std::string> check_mail(Session& session) {
    if (session.stand_alone()) {
        co_return std::string();
    }
    std::string refusal;
    if (!conf().smtpd_delay_reject()) {
        refusal = co_await check_sender(session);
    }
    if (refusal.empty()) {
        refusal = check_queue_space(session);
    }
    co_return refusal;
}

}  // namespace

Task<Outcome> cmd_mail(Session& session, const CommandInput& input) {
    auto refusal = co_await refuse_mail(session, input);
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    const auto utf8 = asks_for_utf8(session, std::span(input.line.arguments).subspan(2));
    auto sender = co_await envelope_address(session, input.line.arguments[1],
                                            smtp::EmptyPath::kAllowed, "MAIL", utf8);
    if (!sender) {
        session.reply("501 5.1.7 Bad sender address syntax");
        co_return Outcome::kFailed;
    }
    auto parameters = smtp::parse_mail_parameters(input.line, session.extensions());
    if (!parameters) {
        session.reply(parameters.error());
        co_return Outcome::kFailed;
    }
    auto& announced = session.mail.announced_size;
    announced = parameters->size.value_or(announced);
    session.logged_sender = sender;
    refusal = session.stand_alone() ? "" : check_size(session, announced);
    if (refusal.empty()) {
        refusal = refuse_verp(*parameters, *sender);
    }
    if (refusal.empty()) {
        refusal = refuse_undeclared(*sender, utf8);
    }
    session.mail.parameters = std::move(*parameters);
    if (refusal.empty()) {
        refusal = co_await check_mail(session);
    }
    if (refusal.empty() && session.milters.active()) {
        refusal = co_await session.milters.mail(input.line, session.mail.parameters.auth);
    }
    session.logged_sender.reset();
    if (!refusal.empty()) {
        // What tables asked for was about this sender.
        session.mail.actions = {};
        session.checks.sender_listed_checked = false;
        session.milters.end_message();
        session.mail.parameters = {};
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    remark_non_ascii(session, "sender", *sender);
    session.mail.sender = std::move(*sender);
    session.mail.instance = new_instance();
    session.mail.command = input.text;
    if (!conf().smtpd_delay_open_until_valid_rcpt()) {
        refusal = co_await open_mail(session);
        if (!refusal.empty()) {
            session.reset_mail();
            session.reply(refusal);
            co_return Outcome::kFailed;
        }
    }
    session.reply("250 2.1.0 Ok");
    co_return Outcome::kDone;
}

}  // namespace relais::smtpd
