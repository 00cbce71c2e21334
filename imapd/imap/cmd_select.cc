// SELECT, EXAMINE, CLOSE, UNSELECT, EXPUNGE.  RFC 3501 6.3.1, 6.3.2, 6.4.2, 6.4.3; RFC 3691
#include "lib/base/strings.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

// Options in parentheses (RFC 4466): none that we know, so none that we may take.
bool has_options(Command& command) {
    return command.arguments.space();
}

Task<Reply> open_mailbox(Session& session, Command& command, MailboxAccess access) {
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!name || has_options(command) || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    if (session.selected) {
        session.selected.reset();
        session.stream.write("* OK [CLOSED] Previous mailbox closed.\r\n");
    }
    if (!session.user.tree().ready(*name)) {
        co_return Reply::no("[NONEXISTENT] Mailbox doesn't exist: " + printable(*name));
    }
    auto selected = std::make_unique<Selected>(session.user.open(*name), access);
    auto synced = co_await selected->sync();
    if (!synced) {
        session.user.forget(*name);
        co_return failure(synced.error());
    }
    selected->begin();
    session.stream.write(selected->describe());
    session.selected = std::move(selected);
    bool read_only = access == MailboxAccess::kReadOnly;
    co_return Reply::ok(read_only ? "[READ-ONLY] Examine completed."
                                  : "[READ-WRITE] Select completed.");
}

// The messages with \Deleted, or those of `among` that have it.
std::vector<std::uint32_t> deleted_messages(Selected& selected,
                                            const std::vector<std::uint32_t>* among) {
    std::vector<std::uint32_t> uids;
    for (const MailMessage& message : selected.box().messages()) {
        bool listed = among == nullptr || std::ranges::binary_search(*among, message.uid);
        // A message that the client has not heard of is not its to expunge.
        bool deleted = (message.system & MessageFlags::kDeleted) != 0;
        if (deleted && listed && selected.sequence_of(message.uid)) {
            uids.push_back(message.uid);
        }
    }
    return uids;
}

Task<Result<void>> expunge(Selected& selected, const std::vector<std::uint32_t>* among) {
    auto synced = co_await selected.sync();
    if (!synced) {
        co_return synced;
    }
    auto uids = deleted_messages(selected, among);
    if (uids.empty()) {
        co_return Result<void>();
    }
    auto gone = co_await selected.box().expunge(std::move(uids));
    co_return gone ? Result<void>() : fail_with(gone);
}

}  // namespace

Task<Reply> cmd_select(Session& session, Command& command) {
    return open_mailbox(session, command, MailboxAccess::kReadWrite);
}

Task<Reply> cmd_examine(Session& session, Command& command) {
    return open_mailbox(session, command, MailboxAccess::kReadOnly);
}

Task<Reply> cmd_unselect(Session& session, Command& /*command*/) {
    session.selected.reset();
    co_return Reply::ok("Unselect completed.");
}

Task<Reply> cmd_close(Session& session, Command& /*command*/) {
    Result<void> outcome;
    if (!session.selected->read_only()) {
        outcome = co_await expunge(*session.selected, nullptr);
    }
    session.selected.reset();
    if (!outcome) {
        co_return failure(outcome.error());
    }
    co_return Reply::ok("Close completed.");
}

// EXPUNGE, and UID EXPUNGE of RFC 4315.
Task<Reply> cmd_expunge(Session& session, Command& command) {
    std::vector<std::uint32_t> among;
    if (command.uid) {
        if (!command.arguments.space()) {
            co_return bad_arguments(command);
        }
        auto uids = message_set_argument(session, command);
        if (!uids) {
            co_return uids.error();
        }
        among = std::move(*uids);
    }
    if (!command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    if (session.selected->read_only()) {
        co_return Reply::no("[READ-ONLY] Mailbox is read-only.");
    }
    auto outcome = co_await expunge(*session.selected, command.uid ? &among : nullptr);
    if (!outcome) {
        co_return failure(outcome.error());
    }
    co_return Reply::ok("Expunge completed.");
}

}  // namespace relais
