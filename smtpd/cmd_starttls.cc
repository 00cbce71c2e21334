// STARTTLS.  RFC 3207
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

std::string refuse_starttls(Session& session, const CommandInput& input) {
    if (!input.line.arguments.empty()) {
        return "501 5.5.4 Syntax: STARTTLS";
    }
    if (session.tls) {
        return "554 5.5.1 Error: TLS already active";
    }
    if (auto standing = session.milters.standing_security(); !standing.empty()) {
        return standing;
    }
    if (!session.site.offers_tls() || session.stand_alone() ||
        (session.discarded & kEhloStarttls) != 0) {
        return "502 5.5.1 Error: command not implemented";
    }
    if (!session.site.tls) {
        return "454 4.7.0 TLS not available due to local problem";
    }
    return {};
}

}  // namespace

Task<Outcome> cmd_starttls(Session& session, const CommandInput& input) {
    if (!session.tls && session.site.offers_tls()) {
        co_await session.site.refresh_certificates();
    }
    auto refusal = refuse_starttls(session, input);
    if (refusal.empty()) {
        refusal = co_await session.over_rate_limit(Session::RateCheck::kNewTls);
    }
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    session.reply("220 2.0.0 Ready to start TLS");
    co_await session.start_tls();
    // RFC 3207 4.2: nothing that was said before counts any longer.
    session.reset_hello();
    session.extended = false;
    session.login = Login();
    co_return Outcome::kDone;
}

}  // namespace relais::smtpd
