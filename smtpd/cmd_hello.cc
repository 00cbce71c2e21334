// HELO and EHLO.  RFC 5321 4.1.1.1
#include <vector>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "smtpd/auth_offer.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

std::string given_name(const std::vector<smtp::CommandWord>& words) {
    std::string name;
    for (const auto& word : words) {
        name += name.empty() ? "" : " ";
        name += word.text;
    }
    return name;
}

// The name as it may stand in log lines and Received: headers.
std::string neutral_name(std::string_view given) {
    auto name = printable(given);
    for (char& c : name) {
        c = std::string_view(" <>()\\\";@").find(c) != std::string_view::npos ? '?' : c;
    }
    return name;
}

enum class Hello { kHelo, kEhlo };

// True where the name was taken.
Task<bool> take_name(Session& session, const smtp::CommandLine& line, Hello kind) {
    if (line.arguments.empty()) {
        session.reply(kind == Hello::kEhlo ? "501 Syntax: EHLO hostname"
                                           : "501 Syntax: HELO hostname");
        co_return false;
    }
    auto name = given_name(line.arguments);
    if (!conf().smtpd_delay_reject()) {
        auto before = std::exchange(session.helo, name);
        const auto refusal = co_await check_helo(session);
        session.helo = std::move(before);
        if (!refusal.empty()) {
            session.reply(refusal);
            co_return false;
        }
    }
    if (session.milters.active()) {
        auto before = std::exchange(session.helo, name);
        const auto refusal = co_await session.milters.helo(name);
        session.helo = std::move(before);
        // As with Sendmail, other refusals wait for MAIL and other commands that matter.
        if (refusal.starts_with("421")) {
            session.reply(refusal);
            co_return false;
        }
    }
    session.reset_hello();
    co_await shorten_transcript(session);
    session.helo = neutral_name(name);
    session.extended = session.extended || kind == Hello::kEhlo;  // HELO takes nothing back
    co_return true;
}

}  // namespace

Task<Outcome> cmd_helo(Session& session, const CommandInput& input) {
    const bool taken = co_await take_name(session, input.line, Hello::kHelo);
    if (!taken) {
        co_return Outcome::kFailed;
    }
    session.reply("250 " + session.site.hostname);
    co_return Outcome::kDone;
}

// Where the table of smtpd_discard_ehlo_keyword_address_maps cannot be asked: to offer too much
// might hurt.
void refuse_to_offer(Session& session) {
    log_warning("don't know what EHLO features to announce to {}", session.client.label);
    session.refuse_without_data();
}

Task<Outcome> cmd_ehlo(Session& session, const CommandInput& input) {
    const bool taken = co_await take_name(session, input.line, Hello::kEhlo);
    if (!taken) {
        co_return Outcome::kFailed;
    }
    if (session.features_unknown) {
        refuse_to_offer(session);
        co_return Outcome::kFailed;
    }
    const auto& site = session.site;
    std::string text = "250 " + site.hostname;
    if (session.milters.standing().starts_with('5')) {
        // Who is refused whatever he does needs no features.
        session.reply(text + "\nENHANCEDSTATUSCODES");
        co_return Outcome::kDone;
    }
    const auto offer = [&](unsigned keyword, std::string_view line) {
        if ((session.discarded & keyword) == 0) {
            text += '\n';
            text += line;
        }
    };
    if (session.discarded != 0 && (session.discarded & kEhloSilentDiscard) == 0) {
        log_info("discarding EHLO keywords: {}", format_ehlo_keywords(session.discarded));
    }
    offer(kEhloPipelining, "PIPELINING");
    const long limit = conf().message_size_limit();
    offer(kEhloSize, limit > 0 ? format("SIZE {}", limit) : "SIZE");
    if (!conf().disable_vrfy_command()) {
        offer(kEhloVrfy, "VRFY");
    }
    offer(kEhloEtrn, "ETRN");
    if (site.offers_tls() && !session.tls && !session.stand_alone()) {
        offer(kEhloStarttls, "STARTTLS");
    }
    if ((session.discarded & kEhloAuth) == 0) {
        const auto mechanisms = co_await offered_mechanisms(session);
        if (!mechanisms.empty()) {
            text += "\nAUTH " + mechanisms;
            text += conf().broken_sasl_auth_clients() ? "\nAUTH=" + mechanisms : "";
        }
    }
    if (session.verp_allowed) {
        offer(kEhloVerp, "XVERP");
    }
    if (session.xclient_allowed) {
        constexpr std::string_view kAttributes =
            "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT";
        offer(kEhloXclient, format("{}{}", kAttributes, site.backends ? " TTL" : ""));
    }
    if (session.xforward_allowed) {
        offer(kEhloXforward, "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT");
    }
    offer(kEhloEnhancedStatusCodes, "ENHANCEDSTATUSCODES");
    offer(kEhlo8bitmime, "8BITMIME");
    offer(kEhloDsn, "DSN");
    if (session.extensions().smtputf8) {
        text += "\nSMTPUTF8";
    }
    offer(kEhloChunking, "CHUNKING");
    if (session.extensions().requiretls) {
        text += "\nREQUIRETLS";
    }
    session.reply(text);
    co_return Outcome::kDone;
}

}  // namespace relais::smtpd
