// CAPABILITY, CHECK, ENABLE, ID, LOGOUT, NAMESPACE, NOOP, and what makes no sense after login.
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/imap/format.h"
#include "lib/imap/utf7.h"

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

namespace {

// The name, once what it stands for is enabled; "" for what is not known, or was enabled already.
std::string_view enable(Session& session, std::string_view name) {
    Enabled& enabled = session.enabled;
    if (iequals(name, "CONDSTORE") && !enabled.condstore) {
        session.enable_condstore();
        return "CONDSTORE";
    }
    if (iequals(name, "QRESYNC") && !enabled.qresync) {
        session.enable_condstore();
        enabled.qresync = true;
        return "QRESYNC";
    }
    if (iequals(name, "UTF8=ACCEPT") && !enabled.utf8) {
        enabled.utf8 = true;
        return "UTF8=ACCEPT";
    }
    if (iequals(name, "IMAP4rev2") && !enabled.rev2) {
        enabled.rev2 = true;
        return "IMAP4rev2";
    }
    if (iequals(name, "UIDONLY") && !enabled.uid_only) {
        enabled.uid_only = true;
        return "UIDONLY";
    }
    return "";
}

}  // namespace

// RFC 5161; RFC 6855 3, RFC 7162 3.1 and 3.2.3, RFC 9051 6.3.1, RFC 9586 3.  What is not known is
// passed over.
Task<Reply> cmd_enable(Session& session, Command& command) {
    std::string names;
    do {
        auto name = command.arguments.space() ? command.arguments.atom() : std::nullopt;
        if (!name) {
            co_return bad_arguments(command);
        }
        std::string_view enabled = enable(session, *name);
        names += enabled.empty() ? "" : " ";
        names += enabled;
    } while (!command.arguments.at_end());
    session.stream.write(format("* ENABLED{}\r\n", names));
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

namespace {

// "((\"Public.\" \".\"))", or NIL.
std::string namespaces_of(const Session& session, NamespaceSettings::Type type) {
    std::string list;
    for (const NamespaceSettings& space : session.user.tree().spaces()) {
        if (space.type != type || space.hidden) {
            continue;
        }
        list += "(";
        std::string prefix(space.fixed_prefix());
        if (session.enabled.utf8_names()) {
            prefix = imap::utf7_to_utf8(prefix).value_or(prefix);
        }
        imap::append_string(list, prefix);
        list += format(" \"{}\")", session.user.separator());
    }
    return list.empty() ? "NIL" : "(" + list + ")";
}

}  // namespace

// RFC 2342: one's own, those of other users, and those for all.
Task<Reply> cmd_namespace(Session& session, Command& /*command*/) {
    using Type = NamespaceSettings::Type;
    session.stream.write(format("* NAMESPACE {} {} {}\r\n", namespaces_of(session, Type::kPrivate),
                                namespaces_of(session, Type::kShared),
                                namespaces_of(session, Type::kPublic)));
    co_return Reply::ok("Namespace completed.");
}

}  // namespace relais
