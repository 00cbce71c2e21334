// The commands without much to do: RSET, NOOP, QUIT, HELP.  RFC 5321 4.1.1
#include "lib/config/config.h"

#include "smtpd/session.h"

namespace relais::smtpd {

Task<Outcome> cmd_rset(Session& session, const CommandInput& input) {
    if (!input.line.arguments.empty()) {
        session.reply("501 5.5.4 Syntax: RSET");
        co_return Outcome::kFailed;
    }
    session.reset_mail();
    co_await shorten_transcript(session);
    session.reply("250 2.0.0 Ok");
    co_return Outcome::kDone;
}

Task<Outcome> cmd_noop(Session& session, const CommandInput& input) {
    if (conf().strict_rfc821_envelopes() && !input.line.arguments.empty()) {
        session.reply("501 5.5.4 Syntax: NOOP");
        co_return Outcome::kFailed;
    }
    session.reply("250 2.0.0 Ok");
    co_return Outcome::kDone;
}

Task<Outcome> cmd_quit(Session& session, const CommandInput& /*input*/) {
    session.reply("221 2.0.0 Bye");
    session.hang_up();
    co_return Outcome::kDone;
}

Task<Outcome> cmd_help(Session& session, const CommandInput& /*input*/) {
    session.reply(
        "214 2.0.0 Commands: AUTH BDAT DATA EHLO ETRN HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS "
        "VRFY XCLIENT XFORWARD");
    co_return Outcome::kDone;
}

}  // namespace relais::smtpd
