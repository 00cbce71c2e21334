// CAPABILITY, CHECK, ENABLE, ID, LOGOUT, NAMESPACE, NOOP, and what makes no sense after login.
#include "lib/base/format.h"
#include "lib/config/config.h"

#include "imapd/imap/commands.h"

namespace relais {

Task<Reply> cmd_capability(Session& session, Command& /*command*/) {
    session.stream.write(format("* CAPABILITY {}\r\n", session_capabilities()));
    co_return Reply::ok("Capability completed.");
}

Task<Reply> cmd_noop(Session& /*session*/, Command& /*command*/) {
    co_return Reply::ok("NOOP completed.");
}

Task<Reply> cmd_check(Session& /*session*/, Command& /*command*/) {
    co_return Reply::ok("Check completed.");
}

Task<Reply> cmd_logout(Session& session, Command& /*command*/) {
    session.stream.write("* BYE Logging out\r\n");
    session.hang_up();
    session.selected.reset();
    co_return Reply::ok("Logout completed.");
}

Task<Reply> cmd_logged_in(Session& /*session*/, Command& command) {
    co_return Reply::bad(format("Error in IMAP command {}: Already logged in.", command.name));
}

// RFC 5161.  Nothing that we offer needs to be enabled; the answer says so.
Task<Reply> cmd_enable(Session& session, Command& command) {
    if (!command.arguments.space() || !command.arguments.atom()) {
        co_return bad_arguments(command);
    }
    session.stream.write("* ENABLED\r\n");
    co_return Reply::ok("Enabled.");
}

// RFC 2971
Task<Reply> cmd_id(Session& session, Command& command) {
    if (!command.arguments.space()) {
        co_return bad_arguments(command);
    }
    session.stream.write("* ID (\"name\" \"Relais\")\r\n");
    co_return Reply::ok("ID completed.");
}

// RFC 2342
Task<Reply> cmd_namespace(Session& session, Command& /*command*/) {
    session.stream.write(
        format("* NAMESPACE ((\"\" \"{}\")) NIL NIL\r\n", session.user.separator()));
    co_return Reply::ok("Namespace completed.");
}

}  // namespace relais
