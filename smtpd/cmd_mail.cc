// MAIL FROM.  RFC 5321 4.1.1.2
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
    const auto& words = input.line.arguments;
    if (words.size() < 2 || !iequals(words[0].text, "from:")) {
        co_return std::string("501 5.5.4 Syntax: MAIL FROM:<address>");
    }
    co_return co_await session.over_rate_limit(Session::RateCheck::kMessage);
}

std::string refuse_verp(const Session& session, const smtp::MailParameters& parameters,
                        const std::string& sender) {
    if (!parameters.verp) {
        return {};
    }
    if (conf().smtpd_authorized_verp_clients().empty()) {
        return "555 5.5.4 Unsupported option: XVERP";
    }
    if (sender.empty()) {
        return "503 5.5.4 Error: XVERP requires non-null sender";
    }
    return session.extended ? "" : "503 5.5.4 Error: XVERP requires ESMTP";
}

// Size, room and the sender's restrictions; the transaction is filled in already.
Task<std::string> check_mail(Session& session, std::uint64_t size) {
    if (session.stand_alone()) {
        co_return std::string();
    }
    auto refusal = check_size(session, size);
    if (refusal.empty() && !conf().smtpd_delay_reject()) {
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
    auto sender = co_await envelope_address(session, input.line.arguments[1],
                                            smtp::EmptyPath::kAllowed, "MAIL");
    if (!sender) {
        session.reply("501 5.1.7 Bad sender address syntax");
        co_return Outcome::kFailed;
    }
    auto parameters = smtp::parse_mail_parameters(input.line, (session.discarded & kEhloDsn) != 0
                                                                  ? smtp::DsnSupport::kNo
                                                                  : smtp::DsnSupport::kYes);
    if (!parameters) {
        session.reply(parameters.error());
        co_return Outcome::kFailed;
    }
    refusal = refuse_verp(session, *parameters, *sender);
    if (refusal.empty()) {
        session.logged_sender = sender;
        refusal = co_await check_mail(session, parameters->size.value_or(0));
        session.logged_sender.reset();
    }
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    remark_non_ascii(session, "sender", *sender);
    session.mail.sender = std::move(*sender);
    session.mail.parameters = std::move(*parameters);
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
