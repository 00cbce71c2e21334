// The commands without much to do: RSET, NOOP, QUIT, HELP, BDAT.  RFC 5321 4.1.1
#include "lib/config/config.h"

#include "smtpd/session.h"

namespace relais::smtpd {

Task<Outcome> cmd_rset(Session& session, const CommandInput& input) {
    if (!input.line.arguments.empty()) {
        session.reply("501 5.5.4 Syntax: RSET");
        co_return Outcome::kFailed;
    }
    session.reset_mail();
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

// CHUNKING is not offered.  What a client sends behind a BDAT all the same is no commands, so the
// session ends with 521.
Task<Outcome> cmd_bdat(Session& session, const CommandInput& /*input*/) {
    session.reply("521 5.5.1 Error: command not implemented");
    co_return Outcome::kFailed;
}

}  // namespace relais::smtpd
