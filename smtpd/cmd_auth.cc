// AUTH, through a Dovecot auth service or Cyrus SASL.  RFC 4954
#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/sasl/auth_client.h"

#include "smtpd/auth_offer.h"
#include "smtpd/elsewhere.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

const SaslSecurity& security(const Session& session) {
    return session.tls ? session.site.sasl_tls_security : session.site.sasl_security;
}

AuthPeer auth_peer(const Session& session) {
    AuthPeer peer;
    peer.service = conf().smtpd_sasl_service();
    peer.remote_address = session.client.address;
    peer.remote_port = static_cast<std::uint16_t>(parse_uint(session.client.port).value_or(0));
    peer.local_address = session.server_address == "unknown" ? "" : session.server_address;
    peer.local_port = static_cast<std::uint16_t>(parse_uint(session.server_port).value_or(0));
    peer.passes_on = session.site.backends != nullptr;
    peer.secured = session.tls != nullptr;
    peer.security = session.site.cyrus ? security(session).bits() : 0;
    peer.valid_client_cert = session.tls && session.tls->trust >= TlsTrust::kTrusted;
    return peer;
}

// The refusal of AUTH before anything of it is looked at, or "".
Task<std::string> refuse_auth(Session& session, const CommandInput& input) {
    if (conf().smtpd_helo_required() && session.helo.empty()) {
        co_return std::string("503 5.5.1 Error: send HELO/EHLO first");
    }
    const bool active = co_await auth_is_active(session);
    if (!active || (session.discarded & kEhloAuth) != 0) {
        co_return std::string("503 5.5.1 Error: authentication not enabled");
    }
    if (session.mail.active()) {
        co_return std::string("503 5.5.1 Error: MAIL transaction in progress");
    }
    if (auto standing = session.milters.standing_security(); !standing.empty()) {
        co_return standing;
    }
    if (session.login.authenticated()) {
        co_return std::string("503 5.5.1 Error: already authenticated");
    }
    const auto words = input.line.arguments.size();
    if (words < 1 || words > 2) {
        co_return std::string("501 5.5.4 Syntax: AUTH mechanism");
    }
    co_return co_await session.over_rate_limit(Session::RateCheck::kAuth);
}

Outcome report_failure(Session& session, const std::string& method, const AuthReply& answer) {
    const std::string reason =
        answer.reason.empty() ? "(reason unavailable)" : printable(answer.reason);
    // Where the server said nothing, the last name that was tried is the best that is known.
    auto& user = session.login.tried_user;
    if (answer.by_server) {
        user.reset();
    }
    if (answer.parameters.has("user")) {
        user = printable(answer.user.substr(0, 100));
    }
    // What the server calls a trouble of its own must not look to log readers like a wrong
    // password.
    const bool put_off = answer.parameters.has("temp") && !session.site.cyrus;
    log_warning("{}: SASL {} authentication {}: {}, sasl_username={}", session.client.label,
                printable(method.substr(0, 100)), put_off ? "failed temporarily" : "failed", reason,
                user.value_or("(unavailable)"));
    session.reply(answer.kind == AuthReply::Kind::kTemporary
                      ? "454 4.7.0 Temporary authentication failure: " + reason
                      : "535 5.7.8 Error: authentication failed: " + reason);
    return Outcome::kFailed;
}

// Whether the auth server is to make of it what it can, as Postfix sees it.
bool is_base64_text(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return is_alnum(c) || c == '+' || c == '/' || c == '='; });
}

// RFC 4954 section 4: "=" is an empty initial response.  Cyrus SASL is shown what was sent.
std::optional<std::string> initial_response(const Session& session, const smtp::CommandLine& line) {
    if (line.arguments.size() < 2) {
        return std::nullopt;
    }
    const auto& text = line.arguments[1].text;
    return text == "=" && !session.site.cyrus ? std::string() : text;
}

AuthReply failed(std::string reason) {
    AuthReply reply;
    reply.kind = AuthReply::Kind::kFailure;
    reply.reason = std::move(reason);
    return reply;
}

Task<Result<std::vector<AuthMechanism>>> all_mechanisms(Site& site) {
    if (site.cyrus) {
        co_return site.cyrus->mechanisms();
    }
    co_return co_await site.auth->mechanisms();
}

// The client's answer to a challenge; nothing where the exchange is over, and replied to.
Task<std::optional<std::string>> ask_client(Session& session, const std::string& challenge,
                                            const std::string& method) {
    session.reply("334 " + challenge);
    const auto limit = static_cast<std::size_t>(conf().smtpd_sasl_response_limit());
    auto response = co_await session.read_line(limit);
    if (session.line_was_cut()) {
        session.reply("500 5.5.6 SASL response limit exceeded");
        co_return std::nullopt;
    }
    if (response == "*") {
        log_warning("{}: SASL {} authentication aborted", session.client.label,
                    printable(method.substr(0, 100)));
        session.reply("501 5.7.0 Authentication aborted");
        co_return std::nullopt;
    }
    co_return response;
}

Outcome conclude(Session& session, const std::string& method, const AuthReply& answer) {
    if (answer.kind != AuthReply::Kind::kSuccess) {
        // With Cyrus SASL, what names nobody is no guess at a password.
        session.login.refused = answer.kind == AuthReply::Kind::kFailure &&
                                (!session.site.cyrus || !answer.user.empty());
        return report_failure(session, method, answer);
    }
    session.login.method = uppercase(method);
    session.login.user = printable(answer.user);
    session.reply("235 2.7.0 Authentication successful");
    return Outcome::kDone;
}

Task<Outcome> authenticate(Session& session, std::string method,
                           std::optional<std::string> initial) {
    const auto mechanisms = co_await session.site.auth->mechanisms();
    if (!mechanisms) {
        log_warning("SASL: {}", mechanisms.error().message);
        co_return report_failure(session, method, AuthReply());
    }
    const auto offered = co_await offered_mechanisms(session);
    const auto words = split_words(offered);
    const bool known =
        std::ranges::any_of(words, [&](std::string_view word) { return iequals(word, method); });
    if (!known) {
        co_return report_failure(session, method, failed("Invalid authentication mechanism"));
    }
    if (initial && !is_base64_text(*initial)) {
        co_return report_failure(session, method,
                                 failed("Invalid base64 data in initial response"));
    }
    AuthExchange exchange(*session.site.auth);
    auto answer =
        co_await exchange.start(uppercase(method), auth_peer(session), std::move(initial));
    while (answer.kind == AuthReply::Kind::kChallenge) {
        auto response = co_await ask_client(session, answer.challenge, method);
        if (!response) {
            co_return Outcome::kFailed;
        }
        if (!is_base64_text(*response)) {
            co_return report_failure(session, method,
                                     failed("Invalid base64 data in continued response"));
        }
        answer = co_await exchange.respond(std::move(*response));
    }
    if (answer.kind == AuthReply::Kind::kSuccess && is_elsewhere(session, answer)) {
        co_return co_await log_in_elsewhere(&session, std::move(method), std::move(answer));
    }
    co_return conclude(session, method, answer);
}

AuthReply out_of_order() {
    AuthReply reply;
    reply.reason = "generic failure";
    return reply;
}

// What is wrong with a mechanism or a response, the library says.
Task<Outcome> authenticate_by_cyrus(Session& session, std::string method,
                                    std::optional<std::string> initial) {
    const auto lease = co_await session.site.cyrus->take();
    if (!lease) {
        log_warning("{}: SASL: {}", session.client.label, lease.error().message);
        co_return report_failure(session, method, out_of_order());
    }
    AuthExchange exchange(lease->client());
    auto answer = co_await exchange.start(method, auth_peer(session), std::move(initial));
    lease->rests();
    while (answer.kind == AuthReply::Kind::kChallenge) {
        auto response = co_await ask_client(session, answer.challenge, method);
        if (!response) {
            co_return Outcome::kFailed;
        }
        lease->works();
        answer = co_await exchange.respond(std::move(*response));
        lease->rests();
    }
    if (answer.kind == AuthReply::Kind::kTemporary && !answer.by_server) {
        log_warning("{}: SASL {}: the login worker gave no answer", session.client.label,
                    printable(method.substr(0, 100)));
        lease->works();  // whatever it does now: it is not used again
        answer = out_of_order();
    }
    co_return conclude(session, method, answer);
}

}  // namespace

Task<bool> auth_is_active(Session& session) {
    const auto& site = session.site;
    if (!site.has_logins() || session.stand_alone() ||
        (conf().smtpd_tls_auth_only() && !session.tls)) {
        co_return false;
    }
    const auto excepted =
        co_await site.clients.without_auth.match(session.client.name, session.client.address);
    co_return excepted != Match::kYes;
}

Task<std::string> offered_mechanisms(Session& session) {
    std::string text;
    const bool active = co_await auth_is_active(session);
    if (!active) {
        co_return text;
    }
    const auto mechanisms = co_await all_mechanisms(session.site);
    if (!mechanisms) {
        log_warning("SASL: {}", mechanisms.error().message);
        co_return text;
    }
    for (const auto& mechanism : *mechanisms) {
        const auto listed = co_await session.site.clients.auth_mechanisms.match(mechanism.name);
        if (security(session).allows(mechanism) && listed == Match::kYes) {
            text += text.empty() ? "" : " ";
            text += mechanism.name;
        }
    }
    if (text.empty()) {
        log_warning("no SASL authentication mechanisms");
    }
    co_return text;
}

Task<Outcome> cmd_auth(Session& session, const CommandInput& input) {
    const auto refusal = co_await refuse_auth(session, input);
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    auto method = input.line.arguments[0].text;
    auto initial = initial_response(session, input.line);
    auto attempt = co_await session.begin_login();
    if (attempt.refused() > 0) {
        session.reply(
            format("450 4.7.1 Error: too many failed logins from {}", session.client.address));
        co_return Outcome::kFailed;
    }
    session.login.refused = false;
    auto running = session.site.cyrus
                       ? authenticate_by_cyrus(session, std::move(method), std::move(initial))
                       : authenticate(session, std::move(method), std::move(initial));
    const auto outcome = co_await std::move(running);
    if (session.login.refused && session.site.login_failures) {
        co_await session.site.login_failures->failed(std::move(attempt));
    }
    co_return outcome;
}

}  // namespace relais::smtpd
