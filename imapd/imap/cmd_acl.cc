// GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS.  RFC 4314
#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/imap/format.h"

#include "imapd/imap/acl_letters.h"
#include "imapd/imap/commands.h"

namespace relais {

namespace {

using Kind = AclIdentifier::Kind;

constexpr std::size_t kLongestIdentifier = 255;
constexpr AclRights kAdmin = AclRights::of("a");

Reply no_lists(const Command& command) {
    return bad_arguments(command, "ACLs disabled.");
}

// The mailbox that the command is about, which the user administers; the error is the reply.
std::expected<std::string, Reply> administered_mailbox(Session& session, Command& command) {
    if (!session.user.access().on()) {
        return std::unexpected(no_lists(command));
    }
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!name) {
        return std::unexpected(bad_arguments(command));
    }
    auto refused = refuse_mailbox(session, *name, kAdmin);
    if (refused) {
        return std::unexpected(std::move(*refused));
    }
    return *name;
}

// The same, and an identifier behind it.
struct ListEntry {
    std::string mailbox;
    std::string identifier;
};

std::expected<ListEntry, Reply> administered_entry(Session& session, Command& command) {
    auto mailbox = administered_mailbox(session, command);
    if (!mailbox) {
        return std::unexpected(mailbox.error());
    }
    auto identifier = command.arguments.space() ? command.arguments.astring() : std::nullopt;
    if (!identifier) {
        return std::unexpected(bad_arguments(command));
    }
    return ListEntry{std::move(*mailbox), std::move(*identifier)};
}

// " bob lrs -bob w"
std::string entry_text(const AclEntry& entry, const AclIdentifier& shown) {
    std::string text;
    for (const char* sign : {"", "-"}) {
        const auto& rights = *sign == '-' ? entry.denied : entry.rights;
        if (rights) {
            text += " ";
            imap::append_astring(
                text, sign + std::string(entry.global ? "#" : "") + acl_identifier_text(shown));
            text += " " + acl_letters(*rights);
        }
    }
    return text;
}

bool is_owner_entry(const AclEntry& entry, const AclSubject& me) {
    return entry.identifier.kind == Kind::kOwner ||
           (entry.identifier.kind == Kind::kUser && entry.identifier.name == me.user);
}

// To its owner a list names him, not "owner", unless it has both; and what he has by default.
std::string list_text(const AclList& list, const AclSubject& me, AclRights otherwise) {
    auto own = std::ranges::count_if(
        list.entries(), [&](const AclEntry& entry) { return is_owner_entry(entry, me); });
    AclIdentifier myself{own > 1 ? Kind::kOwner : Kind::kUser, own > 1 ? "" : me.user};
    std::string text;
    bool mine = false;
    for (const AclEntry& entry : list.entries()) {
        bool renamed = me.owner && entry.identifier.kind == Kind::kOwner;
        text += entry_text(entry, renamed ? myself : entry.identifier);
        mine |= is_owner_entry(entry, me) && entry.rights;
    }
    if (!mine && me.owner) {
        text += entry_text({myself, otherwise, {}, {}, false}, myself);
    }
    return text;
}

// What SETACL is to do.
struct AclOrder {
    enum class How { kReplace, kAdd, kRemove };

    AclIdentifier identifier;
    How how = How::kReplace;
    bool negative = false;
    AclRights rights;
};

bool is_for_everybody(const AclIdentifier& identifier) {
    return identifier.kind == Kind::kAnyone || identifier.kind == Kind::kAuthenticated;
}

bool is_writable(std::string_view text) {
    return !text.empty() && text.size() <= kLongestIdentifier &&
           std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

// "-bob": what is taken away from bob.
std::expected<AclOrder, Reply> parse_identifier(const Command& command, std::string_view text) {
    AclOrder order;
    order.negative = text.starts_with('-');
    text.remove_prefix(order.negative ? 1 : 0);
    if (!is_writable(text)) {
        return std::unexpected(bad_arguments(command));
    }
    if (text.starts_with('#')) {
        return std::unexpected(
            bad_arguments(command, "Global ACLs can't be modified: " + printable(text)));
    }
    order.identifier = parse_acl_identifier(text);
    return order;
}

// "lrs", "+lrs", "-lrs"
std::expected<void, Reply> parse_change(const Command& command, std::string_view text,
                                        AclOrder& order) {
    if (text.starts_with('+') || text.starts_with('-')) {
        order.how = text.front() == '+' ? AclOrder::How::kAdd : AclOrder::How::kRemove;
        text.remove_prefix(1);
    }
    auto rights = parse_acl_letters(text);
    if (!rights) {
        return std::unexpected(bad_arguments(command, "Invalid ACL right in: " + printable(text)));
    }
    order.rights = *rights;
    return {};
}

// The entry of the owner of the mailbox: he keeps the right to administer it, and what he has where
// nobody has said anything of him.
struct OwnersPart {
    bool mine = false;
    AclRights otherwise;  // where the list gives him nothing
};

OwnersPart owners_part(const AclList& list, const AclIdentifier& identifier, const AclSubject& me,
                       AclRights otherwise) {
    bool given = std::ranges::any_of(list.entries(), [&](const AclEntry& entry) {
        return is_owner_entry(entry, me) && entry.rights;
    });
    bool mine = me.owner && is_owner_entry({identifier, {}, {}, {}, false}, me);
    return {mine, mine && !given ? otherwise : AclRights()};
}

AclRights changed_rights(AclRights before, const AclOrder& order, const OwnersPart& owner) {
    AclRights kept = owner.mine ? kAdmin : AclRights();
    switch (order.how) {
        case AclOrder::How::kReplace:
            return order.rights | kept;
        case AclOrder::How::kAdd:
            return before | order.rights | owner.otherwise;
        case AclOrder::How::kRemove:
            return before - (order.rights - kept);
    }
    return before;
}

// The entry as it is once that is done.
AclEntry changed_entry(AclEntry entry, const AclOrder& order, OwnersPart owner) {
    auto& part = order.negative ? entry.denied : entry.rights;
    if (order.negative) {
        owner = {};
    }
    AclRights after = changed_rights(part.value_or(AclRights()), order, owner);
    part = after.empty() ? std::nullopt : std::optional(after);
    return entry;
}

AclSubject subject_on(const Session& session, std::string_view name) {
    auto where = session.user.tree().locate(name);
    return where ? session.user.access().subject_on(*where) : AclSubject();
}

Task<Result<void>> change_list(Session& session, std::string name, AclOrder order) {
    const AccessControl& access = session.user.access();
    AclSubject me = subject_on(session, name);
    AclRights otherwise = access.default_rights(name);
    auto change = [&](AclList& list) {
        const AclEntry* old = list.find(order.identifier);
        AclEntry entry = old != nullptr ? *old : AclEntry{order.identifier, {}, {}, {}, false};
        OwnersPart owner = owners_part(list, order.identifier, me, otherwise);
        list.set(changed_entry(std::move(entry), order, owner));
        return true;
    };
    co_return co_await access.change(std::move(name), change);
}

}  // namespace

Task<Reply> cmd_getacl(Session& session, Command& command) {
    auto name = administered_mailbox(session, command);
    if (!name || !command.arguments.at_end()) {
        co_return name ? bad_arguments(command) : name.error();
    }
    auto list = session.user.access().list_of(*name);
    if (!list) {
        co_return failure(list.error());
    }
    std::string line = "* ACL ";
    session.append_name(line, *name);
    line +=
        list_text(*list, subject_on(session, *name), session.user.access().default_rights(*name));
    session.stream.write(line + "\r\n");
    co_return Reply::ok("Getacl completed.");
}

Task<Reply> cmd_setacl(Session& session, Command& command) {
    auto entry = administered_entry(session, command);
    if (!entry) {
        co_return entry.error();
    }
    auto rights = command.arguments.space() ? command.arguments.astring() : std::nullopt;
    if (!rights || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    auto order = parse_identifier(command, entry->identifier);
    if (!order) {
        co_return order.error();
    }
    if (is_for_everybody(order->identifier) && !conf().imap_acl_anyone_allow()) {
        co_return bad_arguments(command, "Rights for everybody are not allowed.");
    }
    auto parsed = parse_change(command, *rights, *order);
    if (!parsed) {
        co_return parsed.error();
    }
    auto changed = co_await change_list(session, std::move(entry->mailbox), std::move(*order));
    if (!changed && changed.error().code == Errc::kTooLarge) {
        co_return Reply::no("[LIMIT] The list has too many entries.");
    }
    co_return changed ? Reply::ok("Setacl completed.") : failure(changed.error());
}

Task<Reply> cmd_deleteacl(Session& session, Command& command) {
    auto entry = administered_entry(session, command);
    if (!entry || !command.arguments.at_end()) {
        co_return entry ? bad_arguments(command) : entry.error();
    }
    auto order = parse_identifier(command, entry->identifier);
    if (!order) {
        co_return order.error();
    }
    auto remove = [&order](AclList& list) {
        const AclEntry* old = list.find(order->identifier);
        if (old == nullptr) {
            return false;
        }
        AclEntry rest = *old;
        if (order->negative) {
            rest.denied.reset();
        } else {
            rest.rights.reset();
            rest.named.clear();
        }
        list.set(std::move(rest));
        return true;
    };
    auto changed = co_await session.user.access().change(entry->mailbox, remove);
    co_return changed ? Reply::ok("Deleteacl completed.") : failure(changed.error());
}

// Each right can be given apart from the others.
Task<Reply> cmd_listrights(Session& session, Command& command) {
    auto entry = administered_entry(session, command);
    if (!entry || !command.arguments.at_end()) {
        co_return entry ? bad_arguments(command) : entry.error();
    }
    std::string line = "* LISTRIGHTS ";
    session.append_name(line, entry->mailbox);
    line += " ";
    imap::append_astring(line, entry->identifier);
    session.stream.write(line + " \"\" l r w s t p i e k x a c d\r\n");
    co_return Reply::ok("Listrights completed.");
}

Task<Reply> cmd_myrights(Session& session, Command& command) {
    if (!session.user.access().on()) {
        co_return no_lists(command);
    }
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!name || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    AclRights rights = session.user.access().rights_on(*name);
    // The right to post alone does not tell that there is a mailbox.
    if ((rights - AclRights::of("p")).empty()) {
        co_return no_mailbox(*name);
    }
    session.stream.write(myrights_line(session, *name, rights));
    co_return Reply::ok("Myrights completed.");
}

}  // namespace relais
