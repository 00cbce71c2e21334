// SELECT, EXAMINE, CLOSE, UNSELECT, EXPUNGE.  RFC 3501 6.3.1, 6.3.2, 6.4.2, 6.4.3; RFC 3691;
// RFC 7162 3.2.5 (QRESYNC)
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/modseq.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/message_limit.h"

namespace relais {

namespace {

// RFC 4314 5.2: without any of these a mailbox is read-only.
constexpr AclRights kChanging = AclRights::of("iewts");

AclRights selected_rights(Session& session) {
    return session.user.access().rights_on(session.selected->mailbox().name);
}

// A message that is still where it was vouches for all before it: none of them is gone.
std::uint32_t intact_up_to(const Selected& selected, const imap::Resync& resync) {
    std::uint32_t intact = 0;
    auto uids = resync.match_uids.ranges().begin();
    std::uint64_t before = 0;  // UIDs of that range that were looked at
    for (const auto& range : resync.match_numbers.ranges()) {
        for (std::uint64_t number = range.first; number <= range.last; ++number) {
            auto uid = static_cast<std::uint32_t>(uids->first + before);
            if (number > selected.count()) {
                return intact;
            }
            intact = selected.sequence_of(uid) == number ? uid : intact;
            ++before;
            if (uid == uids->last) {
                ++uids;
                before = 0;
            }
        }
    }
    return intact;
}

// What has happened since the client was here last: UIDs that are gone, then flags.
Task<void> tell_changes_since(Session& session, imap::Resync resync) {
    Selected& selected = *session.selected;
    Mailbox& box = selected.box();
    if (resync.modseq == box.last_change()) {
        co_return;
    }
    // A number that was never told is of another time: nothing is known of it.
    std::uint64_t since = resync.modseq > box.last_change() ? 0 : resync.modseq;
    std::uint32_t last = std::max(box.next_uid(), 2U) - 1;
    imap::SequenceSet known = resync.known_uids.value_or(imap::SequenceSet::of({{1, last}}));
    std::uint32_t intact = intact_up_to(selected, resync);
    imap::SequenceSet doubtful = imap::SequenceSet::of({{intact + 1, 0xffffffff}});
    imap::SequenceSet gone = selected.vanished(since, known.intersection(doubtful));
    if (!gone.empty()) {
        session.stream.write("* VANISHED (EARLIER) " + gone.to_string() + "\r\n");
    }
    const std::vector<std::uint32_t> changed = box.changed_after(since);
    for (std::uint32_t uid : changed) {
        const MailMessage* message = box.find(uid);
        auto sequence = selected.sequence_of(uid);
        if (message != nullptr && sequence && known.contains(uid)) {
            session.stream.write(selected.flags_line(*message, *sequence, WithUid::kYes));
            co_await session.drain();
        }
    }
}

Task<Reply> open_mailbox(Session& session, Command& command, MailboxAccess access) {
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    auto parameters = name ? imap::parse_select_parameters(command.arguments) : std::nullopt;
    if (!parameters) {
        co_return bad_arguments(command);
    }
    if (parameters->resync && !session.enabled.qresync) {
        co_return bad_arguments(command, "QRESYNC is not enabled.");
    }
    if (session.enabled.uid_only && parameters->resync &&
        !parameters->resync->match_numbers.empty()) {
        co_return bad_arguments(command, "Message numbers are not possible.", "UIDREQUIRED");
    }
    if (session.selected) {
        session.leave_mailbox();
        session.stream.write("* OK [CLOSED] Previous mailbox closed.\r\n");
    }
    auto rights = rights_for(session, *name, AclRights::of("r"));
    if (!rights) {
        co_return std::move(rights.error());
    }
    if (!rights->has_one_of(kChanging)) {
        access = MailboxAccess::kReadOnly;
    }
    auto selected = std::make_unique<Selected>(session.user.open(*name), access, session.enabled,
                                               FlagLimits::of(*rights));
    auto synced = co_await selected->sync();
    if (!synced) {
        session.user.forget(*name);
        co_return failure(synced.error());
    }
    session.enabled.condstore |= parameters->condstore;
    if (session.enabled.condstore) {
        selected->track();
    }
    selected->begin();
    session.stream.write(selected->describe());
    if (session.enabled.rev2) {  // RFC 9051 6.3.2
        std::string line = format("* LIST () \"{}\" ", session.user.separator());
        session.append_name(line, *name);
        session.stream.write(line + "\r\n");
    }
    session.selected = std::move(selected);
    if (parameters->resync && session.selected->tracked() &&
        parameters->resync->uid_validity == session.selected->box().uid_validity()) {
        co_await tell_changes_since(session, std::move(*parameters->resync));
    }
    bool read_only = access == MailboxAccess::kReadOnly;
    co_return Reply::ok(format("[{}] {} completed.", read_only ? "READ-ONLY" : "READ-WRITE",
                               command.name == "SELECT" ? "Select" : "Examine"));
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

struct Expunged {
    std::size_t count = 0;
    std::optional<CutToLimit> limit{};
};

// Of those that UID EXPUNGE names there may be too many for one command; without names it is all
// of them (RFC 9738 3.1).
Task<Result<Expunged>> expunge(Selected& selected, const std::vector<std::uint32_t>* among) {
    auto synced = co_await selected.sync();
    if (!synced) {
        co_return fail_with(synced);
    }
    auto uids = deleted_messages(selected, among);
    if (uids.empty()) {
        co_return Expunged();
    }
    Expunged expunged;
    if (among != nullptr) {
        expunged.limit.emplace(uids);
    }
    auto gone = co_await selected.box().expunge(std::move(uids));
    if (!gone) {
        co_return fail_with(gone);
    }
    expunged.count = gone->size();
    co_return expunged;
}

}  // namespace

Task<Reply> cmd_select(Session& session, Command& command) {
    return open_mailbox(session, command, MailboxAccess::kReadWrite);
}

Task<Reply> cmd_examine(Session& session, Command& command) {
    return open_mailbox(session, command, MailboxAccess::kReadOnly);
}

Task<Reply> cmd_unselect(Session& session, Command& /*command*/) {
    session.leave_mailbox();
    co_return Reply::ok("Unselect completed.");
}

// What others have done is told before: the number in the answer stands for all up to there.
Task<Reply> cmd_close(Session& session, Command& command) {
    Result<Expunged> gone;
    Reply reply = Reply::ok("Close completed.");
    bool may = selected_rights(session).has(AclRights::of("e"));
    if (!session.selected->read_only() && may) {
        if (session.enabled.qresync) {
            co_await session.sync(Expunges::kTell, command.with_uid());
        }
        gone = co_await expunge(*session.selected, nullptr);
        if (gone && gone->count > 0 && session.enabled.qresync) {
            reply.text = session.with_highest_modseq(std::move(reply.text));
        }
    }
    session.leave_mailbox();
    co_await session.user.quota_changed();
    co_return gone ? reply : failure(gone.error());
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
    AclRights rights = selected_rights(session);
    if (!rights.has_one_of(kChanging)) {
        // Some mail programs do that when they close a mailbox, and would complain.
        co_return Reply::ok("Expunge completed.");
    }
    if (session.selected->read_only()) {
        co_return Reply::no("[READ-ONLY] Mailbox is read-only.");
    }
    if (!rights.has(AclRights::of("e"))) {
        co_return no_permission();
    }
    auto outcome = co_await expunge(*session.selected, command.uid ? &among : nullptr);
    if (!outcome) {
        co_return failure(outcome.error());
    }
    co_await session.user.quota_changed();
    std::string text = "Expunge completed.";
    Reply reply = Reply::ok(outcome->count > 0 ? session.with_highest_modseq(text) : text);
    co_return outcome->limit ? outcome->limit->mark(session, std::move(reply)) : reply;
}

}  // namespace relais
