// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE.  RFC 3501 6.3.3 to 6.3.7, CREATE-SPECIAL-USE of
// RFC 6154 3
#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "lib/access/message_copy.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/notifier.h"

namespace relais {

namespace {

// One name and nothing behind it.
std::optional<std::string> only_mailbox(Session& session, Command& command) {
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    return name && command.arguments.at_end() ? name : std::nullopt;
}

// What the client does itself, NOTIFY need not tell.
void expect(Session& session, const NameChange& change) {
    if (session.notifier) {
        session.notifier->expect(change);
    }
}

constexpr std::array<std::string_view, 5> kUses = {"\\Archive", "\\Drafts", "\\Junk", "\\Sent",
                                                   "\\Trash"};

// " (USE (\Drafts \Sent))" of CREATE (RFC 6154 3): the uses as they are written down, "" where
// there are none; the error is the reply.
std::expected<std::string, Reply> parse_uses(Command& command) {
    imap::Scanner& scanner = command.arguments;
    if (!scanner.space()) {
        return "";
    }
    auto flags = scanner.accept('(') && scanner.accept_word("USE") && scanner.space()
                     ? scanner.flag_list(imap::Scanner::Parentheses::kNeeded)
                     : std::nullopt;
    if (!flags || !scanner.accept(')')) {
        return std::unexpected(bad_arguments(command));
    }
    std::set<std::string_view> uses;
    for (const std::string& flag : *flags) {
        auto known = std::ranges::find_if(kUses, [&](auto use) { return iequals(use, flag); });
        if (known == kUses.end()) {
            return std::unexpected(
                Reply::no("[USEATTR] Special use not supported: " + printable(flag)));
        }
        uses.insert(*known);
    }
    std::string text;
    for (std::string_view use : uses) {
        text += text.empty() ? "" : " ";
        text += use;
    }
    return text;
}

// What CREATE and RENAME begin with: the reply where there can be no mailbox of that name, or the
// user may make none there.
std::optional<Reply> refuse_new_mailbox(Session& session, const std::string& name) {
    std::string why = session.user.tree().invalid_because(name);
    if (!why.empty()) {
        return Reply::no("[CANNOT] Invalid mailbox name: " + why);
    }
    bool may = session.user.access().rights_above(name).has(AclRights::of("k"));
    return may ? std::nullopt : std::optional(no_permission());
}

// A name that is there only for what is below it can be renamed, too.  The INBOX stays.
std::optional<Reply> refuse_to_move(Session& session, const std::string& name) {
    constexpr AclRights kDelete = AclRights::of("x");
    bool by_default =
        !session.user.tree().exists(name) && session.user.access().rights_on(name).has(kDelete);
    return name == "INBOX" || by_default ? std::nullopt : refuse_mailbox(session, name, kDelete);
}

Task<Result<void>> create_mailbox(Session& session, std::string name) {
    auto made = session.user.tree().create(name);
    co_return made ? co_await session.user.access().inherit(std::move(name)) : std::move(made);
}

// RFC 3501 6.3.5: renaming INBOX moves its messages to a new mailbox and leaves it empty.
Task<Reply> rename_inbox(Session& session, std::string to) {
    auto made = co_await create_mailbox(session, to);
    if (!made) {
        co_return failure(made.error());
    }
    expect(session, {NameChange::Kind::kCreated, to});
    auto inbox = session.user.open("INBOX");
    auto target = session.user.open(to);
    auto synced = co_await inbox->box.sync(MailboxAccess::kReadWrite);
    if (!synced) {
        co_return failure(synced.error());
    }
    auto moved = co_await move_all_messages(inbox, target);
    co_return moved ? Reply::ok("Rename completed.") : failure(moved.error());
}

}  // namespace

Task<Reply> cmd_create(Session& session, Command& command) {
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!name) {
        co_return bad_arguments(command);
    }
    auto uses = parse_uses(command);
    if (!uses || !command.arguments.at_end()) {
        co_return uses ? bad_arguments(command) : uses.error();
    }
    // A separator at the end says that children will come; the mailbox is made all the same.
    if (name->size() > 1 && name->back() == session.user.separator()) {
        name->pop_back();
    }
    auto refused = refuse_new_mailbox(session, *name);
    if (refused) {
        co_return std::move(*refused);
    }
    auto made = co_await create_mailbox(session, *name);
    if (made && !uses->empty()) {
        made = co_await session.user.set_special_uses(*name, *uses);
    }
    if (!made) {
        co_return failure(made.error());
    }
    expect(session, {NameChange::Kind::kCreated, *name});
    // RFC 8474 4.2: which one it is, which its list of UIDs says.
    auto mailbox = session.user.open(*name);
    auto synced = co_await mailbox->box.sync(MailboxAccess::kReadOnly);
    bool known = synced && !mailbox->box.guid().empty();
    co_return Reply::ok(known ? format("[MAILBOXID ({})] Create completed.", mailbox->box.guid())
                              : "Create completed.");
}

Task<Reply> cmd_delete(Session& session, Command& command) {
    auto name = only_mailbox(session, command);
    if (!name) {
        co_return bad_arguments(command);
    }
    if (*name == "INBOX") {
        co_return Reply::no("[CANNOT] INBOX can't be deleted");
    }
    auto refused = refuse_mailbox(session, *name, AclRights::of("x"));
    if (refused) {
        co_return std::move(*refused);
    }
    auto where = session.user.tree().locate(*name);
    if (session.selected && session.selected->shared_mailbox() == session.user.open(*name)) {
        session.leave_mailbox();
        session.stream.write("* OK [CLOSED] Previous mailbox closed.\r\n");
    }
    auto removed = session.user.tree().remove(*name);
    session.user.forget(*name);
    if (removed) {
        removed = co_await session.user.set_special_uses(*name, "");
    }
    if (removed) {
        removed = co_await session.user.access().note_sharing(std::move(*where));
    }
    if (!removed) {
        co_return failure(removed.error());
    }
    expect(session, {NameChange::Kind::kDeleted, *name});
    co_await session.user.quota_changed();
    co_return Reply::ok("Delete completed.");
}

Task<Reply> cmd_rename(Session& session, Command& command) {
    auto from = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    auto to = from && command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!to || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    auto refused = refuse_to_move(session, *from);
    refused = refused ? std::move(refused) : refuse_new_mailbox(session, *to);
    if (refused) {
        co_return std::move(*refused);
    }
    if (*to == "INBOX") {
        co_return Reply::no("[ALREADYEXISTS] Target mailbox already exists");
    }
    if (*from == "INBOX") {
        co_return co_await rename_inbox(session, *to);
    }
    std::string inside = *from + session.user.separator();
    if (to->starts_with(inside)) {
        co_return Reply::no("[CANNOT] A mailbox cannot be moved into itself");
    }
    auto renamed = session.user.tree().rename(*from, *to);
    session.user.forget(*from);
    if (renamed) {
        renamed = co_await session.user.rename_special_uses(*from, *to);
    }
    if (!renamed) {
        co_return renamed.error().sys_errno == ENOENT ? no_mailbox(*from)
                                                      : failure(renamed.error());
    }
    expect(session, {NameChange::Kind::kRenamed, *to, *from});
    co_return Reply::ok("Rename completed.");
}

Task<Reply> cmd_subscribe(Session& session, Command& command) {
    auto name = only_mailbox(session, command);
    if (!name) {
        co_return bad_arguments(command);
    }
    // RFC 4314 wants the right to see it; who may use it may subscribe to it as well, as in
    // Dovecot.
    constexpr AclRights kUsable = AclRights::of("lri");
    bool usable = session.user.access().rights_on(*name).has_one_of(kUsable);
    if (!usable || !session.user.tree().exists(*name)) {
        co_return no_mailbox(*name);
    }
    auto done = co_await session.user.subscribe(*name);
    if (!done) {
        co_return failure(done.error());
    }
    expect(session, {NameChange::Kind::kSubscribed, *name});
    co_return Reply::ok("Subscribe completed.");
}

Task<Reply> cmd_unsubscribe(Session& session, Command& command) {
    auto name = only_mailbox(session, command);
    if (!name) {
        co_return bad_arguments(command);
    }
    auto done = co_await session.user.unsubscribe(*name);
    if (!done) {
        co_return failure(done.error());
    }
    expect(session, {NameChange::Kind::kUnsubscribed, *name});
    co_return Reply::ok("Unsubscribe completed.");
}

}  // namespace relais
