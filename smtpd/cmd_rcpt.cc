// RCPT TO.  RFC 5321 4.1.1.3
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "smtpd/envelope_address.h"
#include "smtpd/mail_stream.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

Task<std::string> refuse_rcpt(Session& session, const CommandInput& input) {
    if (!session.mail.active()) {
        co_return std::string("503 5.5.1 Error: need MAIL command");
    }
    if (session.mail.chunks_begun()) {
        co_return std::string("503 5.5.1 Error: RCPT after BDAT");
    }
    const auto& words = input.line.arguments;
    if (words.size() < 2 || !iequals(words[0].text, "to:")) {
        co_return std::string("501 5.5.4 Syntax: RCPT TO:<address>");
    }
    co_return co_await session.over_rate_limit(Session::RateCheck::kRecipient);
}

// RFC 3461 4.2.1: without ORCPT the recipient as it was given is the original one.
std::string original_recipient(const smtp::RcptParameters& parameters, std::string_view path) {
    if (!parameters.original_recipient.empty()) {
        return parameters.original_recipient;
    }
    if (path.starts_with('<') && path.ends_with('>')) {
        path = path.substr(1, path.size() - 2);
    }
    return format("rfc822;{}", path);
}

// True where there is room for one more recipient; else the client has been told.
bool has_room(Session& session, Outcome& outcome) {
    if (session.mail.recipients < conf().smtpd_recipient_limit()) {
        return true;
    }
    session.reply("452 4.5.3 Error: too many recipients");
    outcome = session.mail.overshoot++ < conf().smtpd_recipient_overshoot_limit()
                  ? Outcome::kDone
                  : Outcome::kFailed;
    return false;
}

}  // namespace

Task<Outcome> cmd_rcpt(Session& session, const CommandInput& input) {
    auto refusal = co_await refuse_rcpt(session, input);
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    const auto& word = input.line.arguments[1];
    const auto utf8 = session.mail.parameters.smtputf8 ? Utf8Asked::kYes : Utf8Asked::kNo;
    auto recipient =
        co_await envelope_address(session, word, smtp::EmptyPath::kRefused, "RCPT", utf8);
    if (!recipient) {
        session.reply("501 5.1.3 Bad recipient address syntax");
        co_return Outcome::kFailed;
    }
    const auto parameters = smtp::parse_rcpt_parameters(input.line, session.extensions());
    if (!parameters) {
        session.reply(parameters.error());
        co_return Outcome::kFailed;
    }
    Outcome outcome = Outcome::kFailed;
    if (!has_room(session, outcome)) {
        co_return outcome;
    }
    remark_non_ascii(session, "recipient", *recipient);
    refusal = refuse_undeclared(*recipient, utf8);
    if (refusal.empty() && !session.stand_alone()) {
        refusal = co_await check_recipient(session, *recipient);
    }
    if (session.milters.active()) {
        if (refusal.empty()) {
            refusal = co_await session.milters.rcpt(input.line, *recipient);
        } else {
            co_await session.milters.rejected_rcpt(input.line, *recipient, refusal);
        }
    }
    if (refusal.empty() && !session.mail.open()) {
        refusal = co_await open_mail(session);
    }
    if (refusal.empty()) {
        refusal = co_await pass_recipient(session.mail, std::string(input.text));
    }
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    put_recipient(session.mail, *recipient, parameters->notify,
                  original_recipient(*parameters, word.text));
    session.reply("250 2.1.5 Ok");
    co_return Outcome::kDone;
}

}  // namespace relais::smtpd
