// How a Mailbox that others use as well keeps which messages its user has seen (INDEXPVT=): not in
// the names of files, where it would be so for everybody, and \Seen there counts for nothing.
#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/base/log.h"
#include "lib/event/blocking.h"
#include "lib/store/change_turn.h"
#include "lib/store/maildir_mailbox.h"

namespace relais {

std::string MaildirMailbox::own_seen_path() const {
    return place_.own_flags + "/" + std::string(OwnSeen::kFileName);
}

// What the user sees of the flags in a file's name.
MessageFlags MaildirMailbox::flags_of(std::uint32_t uid, std::string_view name) const {
    MessageFlags flags = parse_maildir_flags(name);
    if (has_own_seen()) {
        flags.system = with_seen(flags.system, own_seen_.mark_of(uid_validity_, uid));
    }
    return flags;
}

// What the name of its file is to say, for everybody.
MessageFlags MaildirMailbox::flags_in_name(const MailMessage& message, MessageFlags flags) const {
    if (has_own_seen()) {
        const std::uint8_t old = parse_maildir_flags(name_of(message)).system;
        flags.system = with_seen(flags.system, seen_in(old));
    }
    return flags;
}

// When the file is another one now.  Of one that cannot be read nothing was seen.
void MaildirMailbox::read_own_seen() {
    const bool known = own_seen_known_ && !own_seen_unreadable_;
    if (!has_own_seen() || (known && stamp_of(own_seen_path()) == own_seen_.stamp())) {
        return;
    }
    auto found = OwnSeen::load(place_.own_flags);
    if (!found && !own_seen_unreadable_) {
        log_warning("{}", found.error().message);
    }
    own_seen_unreadable_ = !found;
    take_over_seen(found ? std::move(*found) : OwnSeen());
}

// What another process has changed counts as changed now.
void MaildirMailbox::take_over_seen(OwnSeen found) {
    own_seen_ = std::move(found);
    const bool told = std::exchange(own_seen_known_, true);
    std::vector<MailMessage*> differing;
    for (MailMessage& message : messages_) {
        const OwnSeen::Mark as = own_seen_.mark_of(uid_validity_, message.uid);
        if (seen_in(message.system) != as) {
            message.system = with_seen(message.system, as);
            differing.push_back(&message);
        }
    }
    if (told && !differing.empty()) {
        ChangeTurn turn(*this);
        std::ranges::for_each(differing, [&turn](MailMessage* each) { turn.changed(*each); });
    }
}

// The same under the lock, with these marks; UIDs ascend.  What cannot be read is not replaced.
Task<Result<void>> MaildirMailbox::write_own_seen(std::span<const std::uint32_t> uids,
                                                  OwnSeen::Mark as) {
    read_own_seen();
    if (own_seen_unreadable_) {
        co_return fail(Errc::kTemporary, own_seen_path() + " cannot be read");
    }
    OwnSeen next = own_seen_;
    next.begin(uid_validity_);
    next.mark(uids, as);
    if (scanned_ && next.is_crowded(messages_.size())) {
        next.keep(*this->uids(), next_uid_);
    }
    auto write = [this, &next] { return next.write(place_.own_flags, place_.file_mode); };
    auto written = co_await run_blocking(std::move(write));
    if (written) {
        own_seen_ = std::move(next);
    }
    co_return written;
}

// In the middle of a change of our own.  The UIDs of the messages that are there still.
Task<Result<std::vector<std::uint32_t>>> MaildirMailbox::mark_own_seen(
    std::vector<std::uint32_t> uids, OwnSeen::Mark as) {
    if (uids.empty()) {
        co_return uids;
    }
    end_own_change();
    auto lock = co_await MailboxLock::acquire(own_seen_path());
    begin_own_change();  // with what others have done while we waited
    if (!lock) {
        co_return fail_with(lock);
    }
    std::ranges::sort(uids);
    auto written = co_await write_own_seen(uids, as);
    if (!written) {
        co_return fail_with(written);
    }
    std::erase_if(uids, [&](std::uint32_t uid) {
        MailMessage* message = find_mutable(uid);
        if (message != nullptr) {
            message->system = with_seen(message->system, as);
        }
        return message == nullptr;
    });
    co_return uids;
}

// Takes the mark from messages that are to be added: it does not go into the names of their files.
// Which had it.
std::vector<std::size_t> MaildirMailbox::take_own_seen(std::vector<NewMessage>& added) const {
    std::vector<std::size_t> seen;
    for (std::size_t i = 0; has_own_seen() && i < added.size(); ++i) {
        if ((added[i].flags.system & MessageFlags::kSeen) != 0) {
            seen.push_back(i);
            added[i].flags.system = with_seen(added[i].flags.system, OwnSeen::Mark::kUnseen);
        }
    }
    return seen;
}

// Now that they have these UIDs.  They stay where they are, whatever becomes of the mark.
Task<void> MaildirMailbox::note_added_seen(std::vector<std::uint32_t> uids,
                                           std::vector<std::size_t> seen) {
    if (seen.empty()) {
        co_return;
    }
    std::vector<std::uint32_t> marked;
    std::ranges::transform(seen, std::back_inserter(marked),
                           [&](std::size_t i) { return uids[i]; });
    begin_own_change();
    auto done = co_await mark_own_seen(std::move(marked), OwnSeen::Mark::kSeen);
    if (done) {
        FlagOutcome ignored;
        note_changed(*done, ignored);
    } else {
        log_warning("{}", done.error().message);
    }
    end_own_change();
}

}  // namespace relais
