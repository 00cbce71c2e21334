// VRFY and ETRN.  RFC 5321 4.1.1.6, RFC 1985
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/flush_client.h"
#include "lib/mail/hostname.h"

#include "smtpd/envelope_address.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

Task<int> ask_flush(std::string domain) {
    const auto status = co_await flush_send_site(std::move(domain));
    if (!status) {
        log_warning("{}", status.error().message);
    }
    co_return status.value_or(kFlushFail);
}

bool is_prefixed(std::string_view domain) {
    return domain.starts_with('@') || domain.starts_with('#');
}

std::string refuse_etrn(const Session& session, const CommandInput& input) {
    if (conf().smtpd_helo_required() && session.helo.empty()) {
        return "503 Error: send HELO/EHLO first";
    }
    if (session.mail.active()) {
        return "503 Error: MAIL transaction in progress";
    }
    if (input.line.arguments.size() != 1) {
        return "500 Syntax: ETRN domain";
    }
    const auto& domain = input.line.arguments[0].text;
    const bool literal = domain.starts_with('[') && is_address_literal(domain);
    return literal || is_hostname(is_prefixed(domain) ? domain.substr(1) : domain)
               ? ""
               : "501 Error: invalid parameter syntax";
}

}  // namespace

Task<Outcome> cmd_vrfy(Session& session, const CommandInput& input) {
    if (conf().disable_vrfy_command()) {
        session.reply("502 5.5.1 VRFY command is disabled");
        co_return Outcome::kFailed;
    }
    const auto& words = input.line.arguments;
    if (words.empty()) {
        session.reply(conf().smtputf8_enable() ? "501 5.5.4 Syntax: VRFY address [SMTPUTF8]"
                                               : "501 5.5.4 Syntax: VRFY address");
        co_return Outcome::kFailed;
    }
    auto refusal = session.milters.standing();
    if (refusal.empty()) {
        refusal = co_await session.over_rate_limit(Session::RateCheck::kRecipient);
    }
    std::optional<std::string> address;
    const auto utf8 =
        asks_for_utf8(session, std::span(words).subspan(1).last(words.size() > 1 ? 1 : 0));
    if (refusal.empty()) {
        auto rest = trim(input.text.substr(input.line.verb.size()));
        rest = trim(
            rest.substr(0, rest.size() - (utf8 == Utf8Asked::kYes ? words.back().text.size() : 0)));
        const smtp::CommandWord path{.text = std::string(rest)};
        address = co_await envelope_address(session, path, smtp::EmptyPath::kRefused, "VRFY", utf8);
    }
    if (refusal.empty() && !address) {
        refusal = "501 5.1.3 Bad recipient address syntax";
    }
    if (refusal.empty()) {
        refusal = refuse_undeclared(*address, utf8);
    }
    if (refusal.empty() && !session.stand_alone()) {
        refusal = co_await check_recipient(session, *address);
    }
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    session.reply("252 2.0.0 " + words[0].text);
    co_return Outcome::kDone;
}

Task<Outcome> cmd_etrn(Session& session, const CommandInput& input) {
    auto refusal = refuse_etrn(session, input);
    std::string domain;
    if (refusal.empty()) {
        refusal = session.milters.standing();
    }
    if (refusal.empty()) {
        // RFC 1985 5.3: "@" and "#" ask for more than the domain; what is known is by domain.
        const auto& word = input.line.arguments[0].text;
        domain = word.substr(is_prefixed(word) ? 1 : 0);
        session.etrn_domain = domain;
        refusal = co_await check_etrn(session, domain);
        session.etrn_domain.clear();
    }
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    const int status = co_await ask_flush(domain);
    if (status == kFlushOk) {
        session.reply("250 Queuing started");
        co_return Outcome::kDone;
    }
    if (status == kFlushDeny) {
        log_warning("reject: ETRN {}... from {}", printable(domain.substr(0, 100)),
                    session.client.label);
        session.reply(format("459 <{}>: service unavailable", domain));
    } else {
        session.reply("458 Unable to queue messages");
    }
    co_return Outcome::kFailed;
}

}  // namespace relais::smtpd
