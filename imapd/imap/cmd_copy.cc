// COPY (RFC 3501 6.4.7) and MOVE (RFC 6851), with the UIDs of RFC 4315.
#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/sequence_set.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

struct Copied {
    std::string code;  // "COPYUID validity from to"
    std::vector<std::uint32_t> sources;
};

// The base name of the copy: a new one, with the sizes that the old one tells.
std::string copy_base(const MailboxPlace& place, std::string_view name) {
    std::string base = make_maildir_base(place.host);
    std::string_view old = maildir_base(name);
    for (char which : {'S', 'W'}) {
        if (auto size = maildir_size(old, which)) {
            base += format(",{}={}", which, *size);
        }
    }
    return base;
}

// The message's identity goes along, as Dovecot has it: "G" and the name it had first.
std::string guid_of(const UidList& list, const MailMessage& message, std::string_view name) {
    auto at = std::ranges::lower_bound(list.entries, message.uid, {}, &UidListEntry::uid);
    if (at != list.entries.end() && at->uid == message.uid) {
        for (std::string_view word : split_words(at->extensions, " ")) {
            if (word.starts_with('G')) {
                return std::string(word);
            }
        }
    }
    return "G" + std::string(maildir_base(name));
}

// The hard links to be made in the target.
Result<std::vector<NewMessage>> plan_copies(const Mailbox& from, const Mailbox& to,
                                            const std::vector<std::uint32_t>& uids) {
    auto list = UidList::load(from.place().directory);
    if (!list) {
        return fail_with(list);
    }
    std::vector<NewMessage> copies;
    for (std::uint32_t uid : uids) {
        const MailMessage* message = from.find(uid);
        if (message == nullptr) {
            return fail(Errc::kNotFound, "a message is gone");
        }
        NewMessage copy;
        copy.path = from.path_of(*message);
        copy.base = copy_base(to.place(), from.name_of(*message));
        copy.flags.system = message->system;
        copy.keywords = from.keywords_of(*message);  // letters differ from mailbox to mailbox
        copy.extensions = guid_of(*list, *message, from.name_of(*message));
        copy.link = true;
        copies.push_back(std::move(copy));
    }
    return copies;
}

std::string set_text(const std::vector<std::uint32_t>& uids) {
    imap::SequenceSet set;
    for (std::uint32_t uid : uids) {
        set.add(uid);
    }
    return set.to_string();
}

Task<Result<Copied>> copy_messages(Session& session, std::shared_ptr<OpenMailbox> target,
                                   std::vector<std::uint32_t> uids) {
    Mailbox& from = session.selected->box();
    Result<std::vector<std::uint32_t>> added;
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto copies = plan_copies(from, target->box, uids);
        if (!copies) {
            co_return fail_with(copies);
        }
        added = co_await target->box.add(std::move(*copies));
        if (added || added.error().sys_errno != ENOENT) {
            break;
        }
        // A file has another name by now: look, and try again.
        auto synced = co_await session.selected->sync();
        if (!synced) {
            co_return fail_with(synced);
        }
    }
    if (!added) {
        co_return fail_with(added);
    }
    Copied copied;
    copied.code =
        format("COPYUID {} {} {}", target->box.uid_validity(), set_text(uids), set_text(*added));
    copied.sources = std::move(uids);
    co_return copied;
}

struct CopyRequest {
    std::vector<std::uint32_t> uids;
    std::string target;
};

std::expected<CopyRequest, Reply> parse_copy(Session& session, Command& command) {
    if (!command.arguments.space()) {
        return std::unexpected(bad_arguments(command));
    }
    auto uids = message_set_argument(session, command);
    if (!uids) {
        return std::unexpected(uids.error());
    }
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!name || !command.arguments.at_end()) {
        return std::unexpected(bad_arguments(command));
    }
    if (!session.user.tree().ready(*name)) {
        return std::unexpected(Reply::no("[TRYCREATE] Mailbox doesn't exist: " + printable(*name)));
    }
    return CopyRequest{std::move(*uids), *name};
}

Reply copy_failure(const Error& error) {
    if (error.code == Errc::kNotFound || error.sys_errno == ENOENT) {
        return Reply::no("[EXPUNGEISSUED] Some of the requested messages no longer exist.");
    }
    return failure(error);
}

}  // namespace

Task<Reply> cmd_copy(Session& session, Command& command) {
    auto request = parse_copy(session, command);
    if (!request) {
        co_return request.error();
    }
    if (request->uids.empty()) {
        co_return Reply::ok("No messages found.");
    }
    auto target = session.user.open(request->target);
    auto copied = co_await copy_messages(session, target, std::move(request->uids));
    if (!copied) {
        co_return copy_failure(copied.error());
    }
    co_return Reply::ok(format("[{}] Copy completed.", copied->code));
}

// RFC 6851 3.3: COPYUID comes before the EXPUNGEs.
Task<Reply> cmd_move(Session& session, Command& command) {
    auto request = parse_copy(session, command);
    if (!request) {
        co_return request.error();
    }
    if (session.selected->read_only()) {
        co_return Reply::no("[READ-ONLY] Mailbox is read-only.");
    }
    if (request->uids.empty()) {
        co_return Reply::ok("No messages found.");
    }
    auto target = session.user.open(request->target);
    auto copied = co_await copy_messages(session, target, std::move(request->uids));
    if (!copied) {
        co_return copy_failure(copied.error());
    }
    session.stream.write(format("* OK [{}] Moved UIDs.\r\n", copied->code));
    auto gone = co_await session.selected->box().expunge(std::move(copied->sources));
    if (!gone) {
        co_return failure(gone.error());
    }
    co_return Reply::ok(session.with_highest_modseq("Move completed."));
}

}  // namespace relais
