// How a Mailbox knows keywords: file names have letters, dovecot-keywords says what they mean.
// Letters are given by what that file says at the moment, never by what was read earlier: others
// change it, and put another mailbox in the place of this one.
#include <algorithm>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/store/change_turn.h"
#include "lib/store/maildir_mailbox.h"

namespace relais {

FileStamp MaildirMailbox::keywords_stamp() const {
    return stamp_of(place_.control_directory() + "/" + std::string(KeywordFile::kFileName));
}

Result<KeywordFile> MaildirMailbox::load_keywords() const {
    return KeywordFile::load(place_.control_directory());
}

// Letters that stand in file names without a name keep the one that we know, when it is the mailbox
// that we know; else they get one, as Dovecot does it.
Task<Result<void>> MaildirMailbox::read_keywords(SameMailbox same) {
    const KeywordFile known = same == SameMailbox::kYes ? keywords_ : KeywordFile();
    std::uint32_t letters = 0;
    for (const MailMessage& message : messages_) {
        letters |= message.keywords;
    }
    auto file = load_keywords();
    if (!file) {
        co_return fail_with(file);
    }
    if (file->name_letters(letters, known)) {
        auto lock = co_await MailboxLock::acquire(list_path());
        // Somebody else may have named them meanwhile.
        auto current = load_keywords();
        if (current) {
            file = std::move(current);
        }
        if (lock && file->name_letters(letters, known)) {
            auto written = file->write(place_.control_directory(), place_.file_mode);
            if (!written) {
                log_warning("{}", written.error().message);
            }
        }
        file->name_letters(letters, known);
    }
    take_keywords(std::move(*file));
    co_return Result<void>();
}

// The file as it is now, with these names as far as there is room.
Task<Result<KeywordFile>> MaildirMailbox::keywords_with(std::vector<std::string> names) {
    auto knows_all = [&names](const KeywordFile& file) {
        return std::ranges::all_of(
            names, [&file](const std::string& name) { return file.find(name).has_value(); });
    };
    auto file = load_keywords();
    if (!file || file->full() || knows_all(*file)) {
        co_return file;
    }
    // A letter that is free in the file may be in use all the same: all messages are looked at.
    auto synced = co_await sync_locked(MailboxAccess::kReadOnly);
    if (!synced) {
        co_return fail_with(synced);
    }
    auto lock = co_await MailboxLock::acquire(list_path());
    if (!lock) {
        co_return fail_with(lock);
    }
    file = load_keywords();
    if (!file || knows_all(*file)) {
        co_return file;
    }
    bool room = false;
    for (const std::string& name : names) {
        room |= !file->find(name) && file->find_or_add(name);
    }
    if (room) {
        auto written = file->write(place_.control_directory(), place_.file_mode);
        if (!written) {
            co_return fail_with(written);
        }
        take_keywords(*file);
    }
    co_return file;
}

// There is a place for them: not where indexes are in memory alone.
bool MaildirMailbox::keeps_more_keywords() const {
    return ::faccessat(AT_FDCWD, place_.index_directory().c_str(), W_OK, AT_EACCESS) == 0;
}

// Those of the names that have no letters, where there is a place for them.
std::vector<std::string> MaildirMailbox::without_letters(std::vector<std::string> names,
                                                         const KeywordFile& file) const {
    std::erase_if(names, [&file](const std::string& name) { return file.find(name).has_value(); });
    return names.empty() || keeps_more_keywords() ? names : std::vector<std::string>();
}

// When the file is another one now.
void MaildirMailbox::read_more_keywords() {
    if (stamp_of(place_.index_directory() + "/" + std::string(MoreKeywords::kFileName)) ==
        more_.stamp()) {
        more_known_ = true;
        return;
    }
    auto taken = take_more_keywords();
    if (!taken) {
        log_warning("{}", taken.error().message);
    }
}

// What another process has changed counts as changed now.
Result<void> MaildirMailbox::take_more_keywords() {
    auto found = MoreKeywords::load(place_.index_directory());
    if (!found) {
        return fail_with(found);
    }
    std::swap(more_, *found);
    if (std::exchange(more_known_, true)) {
        const auto differing = more_.differing(*found);
        if (differing.empty()) {
            return {};
        }
        ChangeTurn turn(*this);
        for (MailMessage& message : messages_) {
            if (differing.contains(maildir_base(name_of(message)))) {
                turn.changed(message);
            }
        }
    }
    return {};
}

// The lock is held.  Every message whose keywords somebody changes has a line in the list.
std::optional<MoreKeywords::Bases> MaildirMailbox::bases_there() const {
    auto list = load_list();
    if (!list || !list->exists || list->damaged || list->uid_validity == 0) {
        return std::nullopt;
    }
    const bool known = scanned_ && !foreign_change_ && list->uid_validity == uid_validity_;
    MoreKeywords::Bases bases;
    for (UidListEntry& entry : list->entries) {
        if (!known || !is_gone(entry)) {
            bases.insert(std::move(entry.base));
        }
    }
    return bases;
}

MoreKeywords::Census MaildirMailbox::census() const {
    constexpr std::size_t kSpare = 100;
    const std::size_t most =
        scanned_ ? 2 * messages_.size() + kSpare : std::numeric_limits<std::size_t>::max();
    return {most, [this] { return bases_there(); }};
}

// The lock is held: what others have changed before is kept, and told.
Result<MoreKeywords::Bases> MaildirMailbox::change_more_keywords(const MoreChanges& changes) {
    if (changes.empty()) {
        return MoreKeywords::Bases();
    }
    auto taken = take_more_keywords();
    if (!taken) {
        return fail_with(taken);
    }
    return more_.change(place_.index_directory(), place_.file_mode, changes, census());
}

// In the middle of a change of our own.
Task<Result<MoreKeywords::Bases>> MaildirMailbox::change_more_locked(MoreKeywords::Change change) {
    if (change.bases.empty()) {
        co_return MoreKeywords::Bases();
    }
    end_own_change();
    auto lock = co_await MailboxLock::acquire(list_path());
    begin_own_change();  // with what others have done while we waited
    if (!lock) {
        co_return fail_with(lock);
    }
    MoreChanges changes;
    changes.push_back(std::move(change));
    co_return change_more_keywords(changes);
}

// The same by UIDs: those of the messages whose keywords are others now.
Task<Result<std::vector<std::uint32_t>>> MaildirMailbox::change_more_of(
    std::vector<std::uint32_t> uids, FlagChange how, std::vector<std::string> keywords) {
    MoreKeywords::Change change{{}, how, std::move(keywords)};
    for (std::uint32_t uid : uids) {
        if (const MailMessage* message = find(uid)) {
            change.bases.emplace_back(maildir_base(name_of(*message)));
        }
    }
    auto changed = co_await change_more_locked(std::move(change));
    if (!changed) {
        co_return fail_with(changed);
    }
    std::erase_if(uids, [this, &changed](std::uint32_t uid) {
        const MailMessage* message = find(uid);
        return message == nullptr || !changed->contains(maildir_base(name_of(*message)));
    });
    co_return uids;
}

}  // namespace relais
