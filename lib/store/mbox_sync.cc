// How an MboxMailbox reads its file, and gives UIDs to what has none.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/event/blocking.h"
#include "lib/store/change_turn.h"
#include "lib/store/mbox_mailbox.h"
#include "lib/store/uid_validity.h"

namespace relais {

Mailbox::Stamps MboxMailbox::stamps_now() const {
    Stamps stamps;
    stamps.cur = stamp_of(place_.directory);
    stamps.directory.device = stamps.cur.device;
    stamps.directory.inode = stamps.cur.inode;
    return stamps;
}

// What we have written or read under the lock holds until the file changes again.
void MboxMailbox::set_file_known() {
    set_known(stamps_now());
    verify_at_.reset();
}

// Of the first message.  A file that we may not write may have messages with others.
Result<KeywordFile> MboxMailbox::load_keywords() const {
    auto fd = open_file(place_.directory, O_RDWR);
    if (!fd) {
        return fail_with(fd);
    }
    KeywordFile file;
    MboxHeader header;
    auto size = stamp_of(place_.directory).size;
    if (size > 0) {
        auto first = MboxScan(fd->get(), size).one(0, header);
        if (!first) {
            return fail_with(first);
        }
    }
    for (const std::string& name :
         header.base ? header.base->keywords : std::vector<std::string>()) {
        (void)file.find_or_add(name);
    }
    return file;
}

// Again, when another file has its name.
Result<void> MboxMailbox::open_file_here() {
    if (file_ && is_file_at(file_.get(), place_.directory)) {
        return {};
    }
    auto fd = open_file(place_.directory, O_RDWR);
    writable_ = fd.has_value();
    if (!fd && (fd.error().sys_errno == EACCES || fd.error().sys_errno == EROFS)) {
        fd = open_file(place_.directory, O_RDONLY);
    }
    if (!fd) {
        return fail_with(fd);
    }
    struct stat open_one;
    if (::fstat(fd->get(), &open_one) < 0 || !S_ISREG(open_one.st_mode)) {
        return fail(Errc::kCorrupt, place_.directory + " is no mailbox file");
    }
    file_ = std::move(*fd);
    return {};
}

// The lock on the file that has the name now.
Task<Result<MboxLock>> MboxMailbox::lock_current() {
    for (int attempt = 0; attempt < 3; ++attempt) {
        auto opened = open_file_here();
        if (!opened) {
            co_return fail_with(opened);
        }
        const int fd = file_.get();
        auto lock = co_await MboxLock::acquire(
            place_.directory, fd, writable_ ? MboxLockKind::kExclusive : MboxLockKind::kShared);
        if (!lock) {
            co_return lock;
        }
        auto again = open_file_here();
        if (again && file_.get() == fd && stamp_of(place_.directory).inode != 0) {
            auto finished = writable_ ? finish_mbox_plan(fd, plan_path()) : Result<bool>(false);
            if (!finished) {
                co_return fail_with(finished);
            }
            co_return lock;
        }
    }
    co_return fail(Errc::kTemporary, place_.directory + " is replaced all the time");
}

Task<Result<void>> MboxMailbox::sync(MailboxAccess /*access*/) {
    Semaphore::Place turn = co_await busy_.take();
    Stamps now = stamps_now();
    if (now.cur.inode == 0) {
        co_return fail(Errc::kNotFound, place_.directory + " is no mailbox any longer");
    }
    if (journal_ && scanned_) {
        read_journal();
    }
    if (scanned_ && now == known_) {
        co_return Result<void>();
    }
    auto lock = co_await lock_current();
    if (!lock) {
        co_return fail_with(lock);
    }
    Held held(locked_);
    auto synced = co_await sync_locked();
    if (save_soon_ && synced) {
        save_index();
    }
    co_return synced;
}

Task<Result<void>> MboxMailbox::sync_locked() {
    if (can_look_behind()) {
        co_return co_await look_behind();
    }
    co_return co_await look_at_all();
}

Result<MboxMailbox::Look> MboxMailbox::scan(int fd, std::uint64_t from) {
    struct stat status;
    if (::fstat(fd, &status) < 0) {
        return fail_errno("fstat");
    }
    Look look;
    look.size = static_cast<std::uint64_t>(status.st_size);
    MboxScan scan(fd, look.size);
    auto done = scan.run(from, [&look](const MboxSpan& span, const MboxHeader& header) {
        if (span.from_at == 0) {
            look.base = header.base;
        }
        if (span.from_at == 0 && header.base && header.base->internal) {
            look.internal = span;
        } else {
            look.messages.push_back({span, header.marks});
        }
    });
    return done ? Result<Look>(std::move(look)) : fail_with(done);
}

// Only new messages behind what is known: the last message is where it was.
bool MboxMailbox::can_look_behind() {
    const Stamps now = stamps_now();
    if (!looked_ || !scanned_ || messages_.empty() || now.directory != known_.directory ||
        now.cur.size <= known_.cur.size) {
        return false;
    }
    const MboxSpan last = span_of(messages_.back());
    MboxScan scan(file_.get(), now.cur.size);
    MboxHeader header;
    auto found = scan.one(last.from_at, header);
    return found && header.marks.uid == messages_.back().uid && found->end == last.end &&
           last.end == known_.cur.size;
}

Task<Result<void>> MboxMailbox::look_behind() {
    auto look = scan(file_.get(), known_.cur.size);
    if (!look) {
        co_return fail_with(look);
    }
    // Another server may have given UIDs to some of them.
    MboxHeader first;
    auto span = MboxScan(file_.get(), look->size).one(0, first);
    look->base = span ? first.base : std::nullopt;
    const std::uint32_t expected = next_at_look_;
    auto based = take_base(*look);
    if (!based) {
        co_return based;
    }
    // What a sender wrote, or an old copy says, could name a message that is gone.
    const std::uint32_t last = std::max(messages_.back().uid, expected - 1);
    if (lacks_uids(look->messages, last, 0)) {
        co_return co_await look_at_all();
    }
    give_uids(look->messages, last);
    take_new(look->messages);
    co_return co_await write_marks(std::move(look->messages));
}

Task<Result<void>> MboxMailbox::look_at_all(std::size_t more) {
    const int fd = file_.get();
    auto work = [fd] { return scan(fd, 0); };
    auto look = co_await run_blocking(std::move(work));
    if (!look) {
        co_return fail_with(look);
    }
    internal_ = look->internal;
    looked_ = true;
    const std::uint32_t before = uid_validity_;
    auto based = take_base(*look);
    if (!based) {
        co_return based;
    }
    if (lacks_uids(look->messages, 0, more)) {
        begin_anew();
    }
    if (before != 0 && before != uid_validity_) {
        drop_messages(*uids());
        first_recent_ = 0;
        if (journal_) {
            begin_numbers();
        }
    }
    KeywordFile keywords;
    for (const std::string& name : base_ ? base_->keywords : std::vector<std::string>()) {
        (void)keywords.find_or_add(name);
    }
    for (const Found& found : look->messages) {
        for (const std::string& name : found.marks.keywords) {
            (void)keywords.find_or_add(name);
        }
    }
    give_uids(look->messages, 0);
    note_recent(look->messages);
    take_keywords(std::move(keywords));
    take_over(look->messages);
    co_return co_await write_marks(std::move(look->messages));
}

// We know the mailbox, and nothing was in the file: what its first message says now has come with
// it.
bool MboxMailbox::was_empty() const {
    const bool known = scanned_ ? known_.cur.inode != 0 && known_.cur.size == 0 : left_empty_;
    return uid_validity_ != 0 && known;
}

// The numbers of the mailbox.  Those in the file count, as far as there are any; UIDs that were
// given out are not given again, even where somebody has put an older file back.
Result<void> MboxMailbox::take_base(const Look& look) {
    const bool good = look.base && look.base->uid_validity != 0 && !was_empty();
    base_ = good ? look.base : std::nullopt;
    if (base_ && base_->uid_validity != uid_validity_) {
        uid_validity_ = base_->uid_validity;
        next_uid_ = base_->last_uid + 1;
        index_stale_ = true;
    } else if (base_) {
        next_uid_ = std::max(next_uid_, base_->last_uid + 1);
    } else if (uid_validity_ == 0) {
        auto validity = next_uid_validity(place_.root, place_.file_mode, 0);
        uid_validity_ = validity ? *validity : static_cast<std::uint32_t>(::time(nullptr));
        next_uid_ = 1;
    }
    if (guid_.empty()) {
        guid_ = make_guid();
    }
    left_empty_ = false;
    save_soon_ |= !base_;  // only our own file has them
    return {};
}

std::size_t MboxMailbox::uids_left() const {
    return next_uid_ > kLastMboxUid ? 0 : kLastMboxUid + 1 - next_uid_;
}

// There are too few for the messages whose UID in the file does not count, and for `more`.
bool MboxMailbox::lacks_uids(const std::vector<Found>& found, std::uint32_t last,
                             std::size_t more) const {
    auto good = [this, &last](const Found& each) {
        const std::uint32_t uid = uid_in_file(each);
        return uid > std::exchange(last, uid) && uid < next_uid_;
    };
    const auto first_without = std::ranges::find_if_not(found, good);
    return static_cast<std::size_t>(found.end() - first_without) + more > uids_left();
}

void MboxMailbox::begin_anew() {
    log_warning("{}: there are no more UIDs: the mailbox begins anew", place_.directory);
    auto validity = next_uid_validity(place_.root, place_.file_mode, uid_validity_);
    uid_validity_ = validity ? *validity : static_cast<std::uint32_t>(::time(nullptr));
    next_uid_ = 1;
    base_.reset();
    save_soon_ = index_stale_ = true;
}

std::uint32_t MboxMailbox::uid_in_file(const Found& found) const {
    const bool told = found.marks.uid != 0 || writable_;
    return told ? found.marks.uid : unwritten_uid(found.span.from_at);
}

// A UID in the file counts when it could have been given, and is more than the one before it.
void MboxMailbox::give_uids(std::vector<Found>& found, std::uint32_t last) {
    const std::uint32_t given_before = next_uid_;
    for (Found& each : found) {
        const std::uint32_t uid = uid_in_file(each);
        const bool good = uid > last && uid < given_before;
        last = good ? uid : next_uid_++;
        each.unmarked = each.marks.uid != last;
        each.marks.uid = last;
    }
    next_at_look_ = next_uid_;
}

// Where nobody could write UIDs down, a message has that of the one that was there.
std::uint32_t MboxMailbox::unwritten_uid(std::uint64_t from_at) const {
    auto at = std::ranges::lower_bound(messages_, from_at, {}, [this](const MailMessage& message) {
        return span_of(message).from_at;
    });
    return at != messages_.end() && span_of(*at).from_at == from_at ? at->uid : 0;
}

bool MboxMailbox::relies_on_index() const {
    return ::access(place_.directory.c_str(), W_OK) != 0;
}

MailMessage& MboxMailbox::append_found(const Found& found) {
    MessageFlags flags{found.marks.system, keywords_.letters_of(found.marks.keywords)};
    return append_message(found.marks.uid,
                          {reinterpret_cast<const char*>(&found.span), sizeof(found.span)}, flags);
}

void MboxMailbox::take_over(const std::vector<Found>& found) {
    std::vector<MailMessage> old;
    old.swap(messages_);
    names_.clear();
    wasted_names_ = 0;
    messages_.reserve(found.size());
    ChangeTurn turn(*this);
    if (!scanned_) {
        turn.unknown();
    }
    auto at = old.begin();
    auto gone_before = [&](std::uint32_t uid) {
        for (; at != old.end() && at->uid < uid; ++at) {
            turn.gone(at->uid);
        }
    };
    for (const Found& each : found) {
        MailMessage& message = append_found(each);
        gone_before(message.uid);
        const bool known = at != old.end() && at->uid == message.uid;
        if (known && at->flags() == message.flags() && at->change != 0) {
            message.change = at->change;
        } else {
            turn.changed(message);
        }
        at += known ? 1 : 0;
    }
    gone_before(0xffffffff);
    snapshot_.reset();
}

void MboxMailbox::take_new(const std::vector<Found>& found) {
    for (const Found& each : found) {
        learn_keywords(each.marks.keywords);
    }
    ChangeTurn turn(*this);
    for (const Found& each : found) {
        turn.arrived(append_found(each));
    }
    snapshot_.reset();
}

// Until the quick-start file knows better, what nobody has marked as seen is recent.
void MboxMailbox::note_recent(const std::vector<Found>& found) {
    if (first_recent_ != 0 && first_recent_ <= next_uid_) {
        return;
    }
    first_recent_ = next_uid_;
    for (auto at = found.rbegin(); at != found.rend() && !at->marks.old; ++at) {
        first_recent_ = at->marks.uid;
    }
}

// UIDs that a client may hear of stand in the file before it does, and before them, or with them,
// the UIDVALIDITY that they are of.
Task<Result<void>> MboxMailbox::write_marks(std::vector<Found> found) {
    std::vector<std::uint32_t> uids;
    for (const Found& each : found) {
        if (each.unmarked) {
            uids.push_back(each.marks.uid);
        }
    }
    Result<void> written;
    if (writable_) {
        const bool with_base = !internal_ && !uids.empty() && uids.front() == messages_.front().uid;
        if (!base_ && !with_base) {
            written = co_await write_base();
        }
        if (written) {
            written = co_await mark(std::move(uids));
        }
        if (written) {
            written = co_await write_base();
        }
        const bool full = !written && (written.error().sys_errno == ENOSPC ||
                                       written.error().sys_errno == EDQUOT);
        if (full) {
            // Who is to make room must get at the messages; our own file may still know the UIDs.
            log_warning("{}: {}", place_.directory, written.error().message);
            save_soon_ = true;
            written = Result<void>();
        }
    } else {
        save_soon_ |= !uids.empty();
    }
    if (written) {
        set_file_known();
    }
    co_return written;
}

}  // namespace relais
