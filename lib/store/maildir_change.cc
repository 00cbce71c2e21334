// How a Mailbox changes its directory: flags are renames, and messages that are added come from
// files that are complete already.  What goes: maildir_expunge.cc.
#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/event/blocking.h"
#include "lib/store/change_turn.h"
#include "lib/store/maildir_mailbox.h"
#include "lib/store/maildir_size.h"
#include "lib/store/uid_validity.h"

namespace relais {

namespace {

constexpr int kAttempts = 5;
constexpr std::size_t kChunk = 256;  // so many system calls before other sessions get their turn

// Runs on a helper thread: the names of new messages and their UIDs outlive a crash.
Result<void> sync_paths(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
        auto fd = open_file(path, O_RDONLY);
        if (!fd) {
            return fail_with(fd);
        }
        if (::fsync(fd->get()) < 0) {
            return fail_errno("fsync " + path);
        }
    }
    return {};
}

// Those for which there were no letters.
std::vector<MoreKeywords::Change> more_keywords_for(std::vector<NewMessage>& added) {
    std::vector<MoreKeywords::Change> changes;
    for (NewMessage& message : added) {
        if (!message.keywords.empty()) {
            changes.push_back({{message.base}, FlagChange::kReplace, std::move(message.keywords)});
        }
    }
    return changes;
}

// Puts more UIDs to these: each once, ascending.
Result<void> add_uids(std::vector<std::uint32_t>& uids,
                      const Result<std::vector<std::uint32_t>>& more) {
    if (!more) {
        return fail_with(more);
    }
    uids.insert(uids.end(), more->begin(), more->end());
    std::ranges::sort(uids);
    auto twice = std::ranges::unique(uids);
    uids.erase(twice.begin(), twice.end());
    return {};
}

}  // namespace

// Somebody keeps account of what comes and goes.
bool MaildirMailbox::is_weighed() const {
    return place_.counted && keeps_maildir_size(place_.root);
}

std::int64_t MaildirMailbox::weight_of(std::string_view relative_path) const {
    return maildir_weight(AT_FDCWD, place_.directory + "/" + std::string(relative_path))
        .value_or(0);
}

// Between these two, the changes to new/ and cur/ are ours.  One that came from elsewhere before
// is remembered, so that the next sync reads everything.
void MaildirMailbox::begin_own_change() {
    Stamps now = stamps_now();
    if (scanned_ && (now.cur != known_.cur || now.uidlist != known_.uidlist)) {
        foreign_change_ = true;
    }
}

void MaildirMailbox::end_own_change() {
    if (scanned_) {
        Stamps now = stamps_now();
        // Only cur/ is taken for ours: deliveries go to new/, and the lists are looked after apart.
        now.fresh = known_.fresh;
        now.uidlist = known_.uidlist;
        now.keywords = known_.keywords;
        set_known(now);
    }
    changes_.announce();
}

// Gives its file the name with these flags; the errno where that fails.
int MaildirMailbox::rename_to(MailMessage& message, MessageFlags flags) {
    auto directory = directory_fd();
    if (!directory) {
        return directory.error().sys_errno;
    }
    const std::string from = relative_path(message);
    const std::string to =
        "cur/" + with_maildir_flags(name_of(message), flags_in_name(message, flags));
    if (from == to) {
        return 0;
    }
    if (::renameat(*directory, from.c_str(), *directory, to.c_str()) < 0) {
        return errno;
    }
    message.in_new = false;
    rename_in_memory(message, std::string_view(to).substr(4));
    return 0;
}

// What the message is to have in the name of its file; what is to change elsewhere is noted.
MessageFlags MaildirMailbox::wanted_flags(const MailMessage& message, FlagChange how,
                                          MessageFlags by, const std::vector<std::string>& keywords,
                                          Apart& apart) const {
    MessageFlags wanted = changed_flags(message.flags(), how, by);
    const auto& more = more_keywords_of(message);
    if (changed_keywords(more, how, keywords) != more) {
        apart.keywords.push_back(message.uid);
    }
    if (has_own_seen() && ((wanted.system ^ message.system) & MessageFlags::kSeen) != 0) {
        apart.seen.push_back(message.uid);
        wanted.system ^= MessageFlags::kSeen;
    }
    return wanted;
}

// The UIDs of messages that have changed come to `changed`.
Task<Result<void>> MaildirMailbox::change_apart(Apart apart, FlagChange how, std::uint8_t system,
                                                std::vector<std::string> keywords,
                                                std::vector<std::uint32_t>* changed) {
    auto more = co_await change_more_of(std::move(apart.keywords), how, std::move(keywords));
    auto named = add_uids(*changed, more);
    const bool seen = how != FlagChange::kRemove && (system & MessageFlags::kSeen) != 0;
    auto marked = co_await mark_own_seen(std::move(apart.seen),
                                         seen ? OwnSeen::Mark::kSeen : OwnSeen::Mark::kUnseen);
    auto noted = add_uids(*changed, marked);
    co_return named ? noted : named;
}

Task<Result<FlagOutcome>> MaildirMailbox::change_flags(std::vector<std::uint32_t> uids,
                                                       FlagChange how, std::uint8_t system,
                                                       std::vector<std::string> keywords,
                                                       std::uint64_t unchanged_since) {
    Semaphore::Place turn = co_await busy_.take();
    MessageFlags flags{system, 0};
    read_more_keywords();
    read_own_seen();
    if (!keywords.empty()) {
        auto file = co_await keywords_with(keywords);
        if (!file) {
            co_return fail_with(file);
        }
        flags.keywords = file->letters_of(keywords);
        if (how != FlagChange::kRemove) {
            keywords = without_letters(std::move(keywords), *file);
        }
    }
    begin_own_change();
    FlagOutcome outcome;
    Result<void> failed;
    std::vector<std::uint32_t> changed;
    Apart apart;
    bool retried = false;
    for (std::size_t i = 0; i < uids.size() && failed; ++i) {
        MailMessage* message = find_mutable(uids[i]);
        if (message == nullptr) {
            continue;
        }
        if (modseq_of(*message) > unchanged_since) {
            outcome.refused.push_back(uids[i]);
            continue;
        }
        const MessageFlags wanted = wanted_flags(*message, how, flags, keywords, apart);
        if (wanted == message->flags()) {
            continue;
        }
        const int trouble = rename_to(*message, wanted);
        if (trouble == 0) {
            changed.push_back(uids[i]);
            if (changed.size() % kChunk == 0) {
                co_await yield();
            }
        } else if (trouble == ENOENT && !retried) {
            // Somebody else has renamed or removed it: look, and try this one again.
            retried = true;
            failed = co_await scan_for_change();
            --i;
        } else if (trouble != ENOENT) {
            failed = fail_errno("rename " + path_of(*message), trouble);
        }
    }
    auto written =
        co_await change_apart(std::move(apart), how, system, std::move(keywords), &changed);
    failed = failed ? written : failed;
    note_changed(changed, outcome);
    end_own_change();
    co_return failed ? Result<FlagOutcome>(std::move(outcome)) : fail_with(failed);
}

Task<Result<void>> MaildirMailbox::set_extensions(char key, std::vector<UidExtension> values) {
    Semaphore::Place turn = co_await busy_.take();
    auto lock = co_await MailboxLock::acquire(list_path());
    if (!lock) {
        co_return fail_with(lock);
    }
    auto list = load_list();
    if (!list || !list->exists || list->uid_validity != uid_validity_) {
        co_return list ? fail(Errc::kTemporary, list_path() + " is another one now")
                       : fail_with(list);
    }
    bool known = list->stamp == known_.uidlist;
    for (const UidExtension& value : values) {
        auto at = std::ranges::lower_bound(list->entries, value.uid, {}, &UidListEntry::uid);
        if (at != list->entries.end() && at->uid == value.uid) {
            at->extensions = with_uidlist_extension(at->extensions, key, value.value);
        }
    }
    auto written = list->rewrite(place_.control_directory(), place_.file_mode);
    if (written && known) {
        known_.uidlist = list->stamp;
        index_stale_ = true;
    }
    co_return written;
}

// What was moved goes back, since there may be no other copy of it.
void MaildirMailbox::take_back(const std::vector<NewMessage>& added,
                               const std::vector<std::string>& placed) const {
    for (std::size_t i = 0; i < placed.size(); ++i) {
        std::string path = place_.directory + "/" + placed[i];
        int done = added[i].link ? ::unlink(path.c_str())
                                 : std::rename(path.c_str(), added[i].path.c_str());
        if (done < 0) {
            log_warning("{}", fail_errno("take back " + path).error().message);
        }
    }
}

// All the files, or none of them.
Result<void> MaildirMailbox::place_files(const std::vector<NewMessage>& added,
                                         std::vector<std::string>& placed) {
    for (const NewMessage& message : added) {
        // Without flags it can wait in new/, where every server takes it for recent.
        bool plain = message.flags == MessageFlags();
        std::string relative = plain ? "new/" + message.base
                                     : "cur/" + with_maildir_flags(message.base, message.flags);
        std::string target = place_.directory + "/" + relative;
        int done = message.link ? ::link(message.path.c_str(), target.c_str())
                                : std::rename(message.path.c_str(), target.c_str());
        if (done < 0) {
            auto failed = fail_errno((message.link ? "link to " : "move to ") + target);
            take_back(added, placed);
            return failed;
        }
        placed.push_back(std::move(relative));
    }
    return {};
}

// A list to add so many to, and the lock in `lock`.  It holds all entries, or, when our picture is
// up to date, none but the next UID.
Task<Result<UidList>> MaildirMailbox::list_for_adding(std::optional<MailboxLock>& lock,
                                                      std::size_t count) {
    auto locked = co_await MailboxLock::acquire(list_path());
    if (!locked) {
        co_return fail_with(locked);
    }
    lock.emplace(std::move(*locked));
    FileStamp stamp = stamp_of(list_path());
    UidList list;
    if (scanned_ && stamp == known_.uidlist && stamp.inode != 0) {
        list.exists = true;
        list.uid_validity = uid_validity_;
        list.next_uid = next_uid_;
    } else {
        foreign_change_ = scanned_;
        auto loaded = load_list();
        if (!loaded) {
            co_return loaded;
        }
        list = std::move(*loaded);
    }
    if (list.uid_validity != 0 && list.has_room_for(count)) {
        co_return list;
    }
    // No list, or none that can be used: what is there already gets its UIDs first.
    if (list.uid_validity != 0) {
        log_warning("{}: there are no more UIDs: the mailbox begins anew", list_path());
        ::unlink(list_path().c_str());
    }
    lock.reset();
    auto scanned = co_await full_scan(MailboxAccess::kReadOnly);
    if (!scanned) {
        co_return fail_with(scanned);
    }
    auto again = co_await MailboxLock::acquire(list_path());
    if (!again) {
        co_return fail_with(again);
    }
    lock.emplace(std::move(*again));
    co_return load_list();
}

// The same, when the keywords of the messages have got their letters.
Task<Result<UidList>> MaildirMailbox::prepare_adding(std::vector<NewMessage>& added,
                                                     std::optional<MailboxLock>& lock) {
    std::vector<std::string> names;
    for (const NewMessage& message : added) {
        names.insert(names.end(), message.keywords.begin(), message.keywords.end());
    }
    if (names.empty()) {
        co_return co_await list_for_adding(lock, added.size());
    }
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto file = co_await keywords_with(names);
        if (!file) {
            co_return fail_with(file);
        }
        auto list = co_await list_for_adding(lock, added.size());
        // Who changes the file holds the lock: what it says now holds until we let go.
        if (!list || keywords_stamp() == file->stamp()) {
            for (NewMessage& message : added) {
                message.flags.keywords |= file->letters_of(message.keywords);
                message.keywords = without_letters(std::move(message.keywords), *file);
            }
            co_return list;
        }
        lock.reset();
    }
    co_return fail(Errc::kTemporary, place_.directory + ": the keywords change all the time");
}

Task<Result<std::vector<std::uint32_t>>> MaildirMailbox::add(std::vector<NewMessage> added) {
    Semaphore::Place turn = co_await busy_.take();
    begin_own_change();
    std::vector<std::string> placed;
    std::vector<std::uint32_t> uids;
    const std::vector<std::size_t> seen = take_own_seen(added);
    {
        std::optional<MailboxLock> lock;
        auto list = co_await prepare_adding(added, lock);
        if (!list) {
            co_return fail_with(list);
        }
        auto named = change_more_keywords(more_keywords_for(added));
        auto moved = named ? place_files(added, placed) : Result<void>(fail_with(named));
        if (!moved) {
            co_return fail_with(moved);
        }
        for (const NewMessage& message : added) {
            uids.push_back(list->add(message.base, message.extensions).uid);
        }
        auto stored = list->damaged ? list->rewrite(place_.control_directory(), place_.file_mode)
                                    : list->append(place_.control_directory(), added.size());
        if (!stored) {
            take_back(added, placed);
            co_return fail_with(stored);
        }
        if (is_weighed()) {
            QuotaAmount more;
            for (const std::string& path : placed) {
                more += {weight_of(path), 1};
            }
            note_maildir_change(place_.root, more, place_.storage);
        }
        uid_validity_ = list->uid_validity;
        if (scanned_ && !foreign_change_) {
            ChangeTurn turn_of_all(*this);
            for (std::size_t i = 0; i < added.size(); ++i) {
                std::string_view path = placed[i];
                add_message(uids[i], path.substr(4), path.starts_with("new/"));
                turn_of_all.arrived(messages_.back());
            }
            next_uid_ = list->next_uid;
            listed_ += added.size();
            known_.uidlist = list->stamp;
            snapshot_.reset();
        }
        end_own_change();
    }
    co_await note_added_seen(uids, seen);
    std::vector<std::string> paths = {list_path(), place_.directory + "/new",
                                      place_.directory + "/cur"};
    auto sync_all = [paths = std::move(paths)] { return sync_paths(paths); };
    auto synced = co_await run_blocking(std::move(sync_all));
    if (!synced) {
        co_return fail_with(synced);  // the messages are there, but nobody may rely on it
    }
    co_return uids;
}

}  // namespace relais
