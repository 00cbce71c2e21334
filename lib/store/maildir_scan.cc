// How a Mailbox learns what is in its directory.
//
// Modification times say whether anything has happened.  New messages alone are taken over without
// reading cur/.  A scan that ran while the directory changed is repeated, and one that ended within
// the granularity of the clock of a change is verified a moment later.
#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/event/blocking.h"
#include "lib/store/change_turn.h"
#include "lib/store/maildir_mailbox.h"
#include "lib/store/uid_validity.h"

namespace relais {

namespace {

constexpr int kScanAttempts = 3;

bool cannot_write(int reason) {
    return reason == EACCES || reason == EROFS || reason == EPERM;
}

bool is_full(int reason) {
    return reason == ENOSPC || reason == EDQUOT;
}

}  // namespace

Mailbox::Stamps MaildirMailbox::stamps_now() const {
    Stamps stamps;
    stamps.cur = stamp_of(place_.directory + "/cur");
    stamps.fresh = stamp_of(place_.directory + "/new");
    stamps.uidlist = stamp_of(list_path());
    stamps.keywords = keywords_stamp();
    FileStamp directory = stamp_of(place_.directory);
    stamps.directory.device = directory.device;
    stamps.directory.inode = directory.inode;
    // The size of a directory says nothing.
    stamps.cur.size = 0;
    stamps.fresh.size = 0;
    return stamps;
}

Task<Result<void>> MaildirMailbox::sync(MailboxAccess access) {
    Semaphore::Place turn = co_await busy_.take();
    read_own_seen();
    auto synced = co_await sync_locked(access);
    if (synced) {
        read_more_keywords();
    }
    if (save_soon_ && synced) {
        save_index();
    }
    co_return synced;
}

Task<Result<void>> MaildirMailbox::sync_locked(MailboxAccess access) {
    Stamps now = stamps_now();
    if (now.cur.inode == 0) {
        co_return fail(Errc::kNotFound, place_.directory + " is no mailbox any longer");
    }
    if (journal_ && scanned_) {
        read_journal();
    }
    bool verify = verify_at_ && Clock::now() >= *verify_at_;
    if (!scanned_ || verify || foreign_change_ || no_room_ || now.cur != known_.cur ||
        now.uidlist != known_.uidlist || now.directory != known_.directory) {
        co_return co_await full_scan(access);
    }
    bool waiting =
        access == MailboxAccess::kReadWrite && std::ranges::any_of(messages_, &MailMessage::in_new);
    if (now.fresh != known_.fresh || waiting) {
        auto scanned = co_await scan_new(access);
        if (!scanned) {
            co_return scanned;
        }
    }
    if (keywords_stamp() != known_.keywords) {
        co_return co_await read_keywords(SameMailbox::kYes);
    }
    co_return Result<void>();
}

// Messages that a read-write session sees for the first time go to cur/.  Their names there.
std::vector<std::string> MaildirMailbox::move_new_files() {
    std::vector<std::string> moved;
    auto names = list_directory(place_.directory + "/new");
    if (!names) {
        return moved;
    }
    for (const std::string& name : *names) {
        if (name.starts_with('.')) {
            continue;
        }
        std::string target = name.find(":2,") == std::string::npos ? name + ":2," : name;
        std::string from = place_.directory + "/new/" + name;
        std::string to = place_.directory + "/cur/" + target;
        if (std::rename(from.c_str(), to.c_str()) == 0) {
            moved.push_back(std::move(target));
        } else if (errno != ENOENT) {
            break;  // a mailbox that we may only read: they stay where they are
        }
    }
    return moved;
}

Result<FoundFiles> MaildirMailbox::find_files(Stamps& at) {
    for (int attempt = 1;; ++attempt) {
        at = stamps_now();
        FoundFiles found;
        // new/ first: what moves to cur/ meanwhile is seen twice, not never.
        auto fresh = found.read(place_.directory + "/new", true);
        auto cur = found.read(place_.directory + "/cur", false);
        if (!cur || (!fresh && fresh.error().sys_errno != ENOENT)) {
            return fail_with(!cur ? cur : fresh);
        }
        Stamps after = stamps_now();
        if ((after.cur == at.cur && after.fresh == at.fresh) || attempt == kScanAttempts) {
            found.index();
            return found;
        }
    }
}

Task<Result<void>> MaildirMailbox::scan_for_change() {
    const std::uint32_t validity = uid_validity_;
    auto scanned = co_await full_scan(MailboxAccess::kReadOnly);
    if (scanned && uid_validity_ != validity) {
        co_return fail(Errc::kClosed, place_.directory + " has been replaced");
    }
    co_return scanned;
}

Task<Result<void>> MaildirMailbox::full_scan(MailboxAccess access) {
    std::vector<std::string> moved;
    if (access == MailboxAccess::kReadWrite) {
        moved = move_new_files();
    }
    Stamps at;
    auto found = find_files(at);
    if (!found) {
        co_return fail_with(found);
    }
    auto list = load_list();
    if (!list) {
        co_return fail_with(list);
    }
    auto complete = co_await list_with(*found, std::move(*list));
    if (!complete) {
        co_return fail_with(complete);
    }
    auto same = complete->uid_validity == uid_validity_ ? SameMailbox::kYes : SameMailbox::kNo;
    take_over(*complete, *found);
    note_recent(*found, moved);
    at.uidlist = complete->stamp;
    foreign_change_ = false;
    set_known(at);
    co_return co_await read_keywords(same);
}

// The files that have no UID in the list.
static std::vector<const FoundFile*> unlisted(FoundFiles& found, const UidList& list) {
    for (FoundFile& file : found.files()) {
        file.uid = 0;
    }
    for (const UidListEntry& entry : list.entries) {
        if (FoundFile* file = found.find(entry.base)) {
            file->uid = entry.uid;
        }
    }
    std::vector<const FoundFile*> without;
    for (const FoundFile& file : found.files()) {
        if (file.uid == 0 && !file.used) {
            without.push_back(&file);
        }
    }
    return without;
}

// The list with a UID for every file.  Written, under the lock, when there were files without.
Task<Result<UidList>> MaildirMailbox::list_with(FoundFiles& found, UidList list) {
    // A damaged list is repaired at once: lines that are added to it later would be lost.
    bool usable = list.exists && list.uid_validity != 0 && !list.damaged && !list.guid.empty();
    if (usable && unlisted(found, list).empty()) {
        no_room_ = false;
        co_return list;
    }
    auto lock = co_await MailboxLock::acquire(list_path());
    no_room_ = !lock && is_full(lock.error().sys_errno) && usable;
    if (no_room_) {
        co_return list;
    }
    if (!lock && !cannot_write(lock.error().sys_errno)) {
        co_return fail_with(lock);
    }
    auto current = load_list();
    if (!current) {
        co_return current;
    }
    list = std::move(*current);
    bool used_up = !list.has_room_for(unlisted(found, list).size());
    if (used_up) {
        log_warning("{}: there are no more UIDs: the mailbox begins anew", list_path());
    }
    bool fresh_list = !list.exists || list.uid_validity == 0 || used_up;
    if (fresh_list) {
        auto validity = next_uid_validity(place_.root, place_.file_mode, uid_validity_);
        if (!validity && !cannot_write(validity.error().sys_errno)) {
            co_return fail_with(validity);
        }
        list.uid_validity = validity ? *validity : static_cast<std::uint32_t>(::time(nullptr));
        list.entries.clear();
        list.next_uid = used_up ? 1 : list.next_uid;
    }
    auto without = unlisted(found, list);
    std::ranges::sort(without, [&found](const FoundFile* a, const FoundFile* b) {
        return maildir_name_before(found.base(*a), found.base(*b));
    });
    for (const FoundFile* file : without) {
        list.add(std::string(found.base(*file)));
    }
    unwritten_ = !lock && !without.empty();
    if (lock) {
        const bool anew = fresh_list || list.damaged || list.guid.empty();
        auto rewrite = [this, &list] {
            return list.rewrite(place_.control_directory(), place_.file_mode);
        };
        auto stored = anew ? co_await run_blocking(std::move(rewrite))
                           : list.append(place_.control_directory(), without.size());
        no_room_ = !stored && is_full(stored.error().sys_errno) && usable;
        if (no_room_) {
            // Who is to make room must get at the messages that have UIDs.
            list.entries.resize(list.entries.size() - without.size());
            list.next_uid -= static_cast<std::uint32_t>(without.size());
            co_return list;
        }
        if (!stored) {
            co_return fail_with(stored);
        }
        if (!anew && !without.empty()) {
            co_await sync_list();
        }
    }
    co_return list;
}

// A UID that a client has heard of must not mean another message after a crash.
Task<void> MaildirMailbox::sync_list() const {
    auto fd = open_file(list_path(), O_RDONLY);
    if (fd) {
        int number = fd->get();
        auto sync = [number] { return ::fdatasync(number) == 0 ? 0 : errno; };
        int reason = co_await run_blocking(std::move(sync));
        if (reason != 0) {
            log_warning("{}", fail_errno("sync " + list_path(), reason).error().message);
        }
    }
}

void MaildirMailbox::take_over(const UidList& list, FoundFiles& found) {
    std::vector<MailMessage> old;
    old.swap(messages_);
    bool another = uid_validity_ != list.uid_validity;
    if (uid_validity_ != 0 && another) {
        old.clear();  // another mailbox
        first_recent_ = 0;
    }
    uid_validity_ = list.uid_validity;
    guid_ = list.guid;
    if (journal_ && another) {
        begin_numbers();
    }
    names_.clear();
    wasted_names_ = 0;
    messages_.reserve(found.files().size());
    names_.reserve(found.files().size() * 64);
    ChangeTurn turn(*this);
    if (!scanned_) {
        turn.unknown();
    }
    bool set_changed = another;
    std::size_t at = 0;
    auto gone_before = [&](std::uint32_t uid) {
        for (; at < old.size() && old[at].uid < uid; ++at) {
            turn.gone(old[at].uid);
            set_changed = true;
        }
    };
    for (const UidListEntry& entry : list.entries) {
        FoundFile* file = found.find(entry.base);
        if (file == nullptr || file->used) {
            continue;
        }
        file->used = true;
        file->uid = entry.uid;
        add_message(entry.uid, found.name(*file), file->in_new);
        gone_before(entry.uid);
        MailMessage& message = messages_.back();
        bool known = at < old.size() && old[at].uid == entry.uid;
        // Number 0: nobody knows what was told of it (resume_journal()).
        if (known && old[at].flags() == message.flags() && old[at].change != 0) {
            message.change = old[at].change;
        } else {
            turn.changed(message);
        }
        set_changed |= !known;
        at += known ? 1 : 0;
    }
    gone_before(0xffffffff);
    next_uid_ = list.next_uid;
    listed_ = list.entries.size();
    if (set_changed) {
        snapshot_.reset();
    }
}

// Until the quick-start file knows better, what was in new/ is recent.
void MaildirMailbox::note_recent(FoundFiles& found, const std::vector<std::string>& moved) {
    if (first_recent_ != 0 && first_recent_ <= next_uid_) {
        return;
    }
    first_recent_ = next_uid_;
    for (const FoundFile& file : found.files()) {
        if (file.in_new && file.uid != 0) {
            first_recent_ = std::min(first_recent_, file.uid);
        }
    }
    for (const std::string& name : moved) {
        FoundFile* file = found.find(maildir_base(name));
        if (file != nullptr && file->uid != 0) {
            first_recent_ = std::min(first_recent_, file->uid);
        }
    }
}

// Only new/ has changed: what is in it is added behind what is known.
Task<Result<void>> MaildirMailbox::scan_new(MailboxAccess access) {
    begin_own_change();
    if (foreign_change_) {
        co_return co_await full_scan(access);
    }
    Stamps at = known_;
    at.fresh = stamps_now().fresh;
    FoundFiles found;
    if (access == MailboxAccess::kReadWrite) {
        for (const std::string& name : move_new_files()) {
            found.add(name, false);
        }
        at = stamps_now();
        at.keywords = known_.keywords;  // not read yet
    }
    auto left = found.read(place_.directory + "/new", true);
    if (!left && left.error().sys_errno != ENOENT) {
        co_return fail_with(left);
    }
    found.index();
    for (const MailMessage& message : messages_) {
        if (!message.in_new) {
            continue;
        }
        FoundFile* file = found.find(maildir_base(name_of(message)));
        if (file == nullptr || !file->in_new || found.name(*file) != name_of(message)) {
            // Removed by somebody else, moved to cur/ now, or with flags: simplest to look at
            // everything again.
            co_return co_await full_scan(access);
        }
        file->used = true;
    }
    auto lock = co_await MailboxLock::acquire(list_path());
    if (!lock || stamp_of(list_path()) != known_.uidlist) {
        lock = fail(Errc::kTemporary, "");
        co_return co_await full_scan(access);
    }
    UidList list;
    list.next_uid = next_uid_;
    std::vector<const FoundFile*> added;
    for (const FoundFile& file : found.files()) {
        if (!file.used) {
            added.push_back(&file);
        }
    }
    if (!list.has_room_for(added.size())) {
        lock = fail(Errc::kTemporary, "");
        co_return co_await full_scan(access);
    }
    std::ranges::sort(added, [&found](const FoundFile* a, const FoundFile* b) {
        return maildir_name_before(found.base(*a), found.base(*b));
    });
    for (const FoundFile* file : added) {
        list.add(std::string(found.base(*file)));
    }
    auto stored = list.append(place_.control_directory(), added.size());
    if (!stored && is_full(stored.error().sys_errno)) {
        lock = fail(Errc::kTemporary, "");
        co_return co_await full_scan(access);
    }
    if (!stored) {
        co_return stored;
    }
    if (!added.empty()) {
        co_await sync_list();
    }
    ChangeTurn turn(*this);
    for (std::size_t i = 0; i < added.size(); ++i) {
        add_message(list.entries[i].uid, found.name(*added[i]), added[i]->in_new);
        turn.arrived(messages_.back());
    }
    next_uid_ = list.next_uid;
    listed_ += added.size();
    snapshot_ = added.empty() ? snapshot_ : nullptr;
    at.uidlist = list.stamp;
    set_known(at);
    co_return Result<void>();
}

// UIDs that were given out are not given again, even where somebody has put an older list back.
Result<UidList> MaildirMailbox::load_list() const {
    auto list = UidList::load(place_.control_directory());
    bool known = list && list->uid_validity == uid_validity_ && uid_validity_ != 0 && !unwritten_;
    if (known && list->next_uid < next_uid_) {
        log_warning("{}: the next UID was lowered from {} to {}", list_path(), next_uid_,
                    list->next_uid);
        list->next_uid = next_uid_;
        list->damaged = true;  // to be written anew
    }
    return list;
}

}  // namespace relais
