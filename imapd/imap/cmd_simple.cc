// CAPABILITY, CHECK, ENABLE, ID, LOGOUT, NAMESPACE, NOOP, and what makes no sense after login.
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "imapd/imap/commands.h"

namespace relais {

Task<Reply> cmd_capability(Session& session, Command& /*command*/) {
    session.stream.write(format("* CAPABILITY {}\r\n", session.capabilities()));
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

// RFC 5161; RFC 6855 3.  What is not known is passed over.
Task<Reply> cmd_enable(Session& session, Command& command) {
    std::string enabled;
    do {
        auto name = command.arguments.space() ? command.arguments.atom() : std::nullopt;
        if (!name) {
            co_return bad_arguments(command);
        }
        if (iequals(*name, "UTF8=ACCEPT") && !session.utf8) {
            session.utf8 = true;
            enabled += " UTF8=ACCEPT";
        }
    } while (!command.arguments.at_end());
    session.stream.write(format("* ENABLED{}\r\n", enabled));
    co_return Reply::ok("Enabled.");
}

// RFC 4978
Task<Reply> cmd_compress(Session& session, Command& command) {
    bool deflate = command.arguments.space() && command.arguments.accept_word("DEFLATE");
    if (!deflate || !command.arguments.at_end() || !conf().imap_compress()) {
        co_return bad_arguments(command, "Unknown compression mechanism.");
    }
    if (session.compressed()) {
        co_return Reply::no("[COMPRESSIONACTIVE] Compression is active already.");
    }
    session.compress_next();
    co_return Reply::ok("Compression begins.");
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
