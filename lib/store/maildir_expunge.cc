// How messages go from a Maildir: their files are removed, and their lines in the list of UIDs when
// there are many.
#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/event/shares.h"
#include "lib/store/maildir_mailbox.h"
#include "lib/store/maildir_size.h"

namespace relais {

namespace {

constexpr std::size_t kRemovedAtOnce = 1024;

// A file that is to go.
struct Removal {
    std::uint32_t uid = 0;
    std::string path;  // relative
    std::int64_t weight = 0;
    int trouble = 0;  // errno
};

enum class Weigh { kNo, kYes };

void remove_file(int directory, Removal& file, Weigh weigh) {
    file.weight = weigh == Weigh::kYes ? maildir_weight(directory, file.path).value_or(0) : 0;
    file.trouble = ::unlinkat(directory, file.path.c_str(), 0) == 0 ? 0 : errno;
}

// The last name of a file takes the file along, for which some disks need milliseconds: many go at
// a time.
Task<void> remove_files(std::shared_ptr<const UniqueFd> directory, std::span<Removal> files,
                        Weigh weigh) {
    ShareOfWork work = [&](std::size_t begin, std::size_t end) {
        for (Removal& file : files.subspan(begin, end - begin)) {
            remove_file(directory->get(), file, weigh);
        }
    };
    co_await run_in_shares(files.size(), std::move(work));
}

}  // namespace

// The message's file is gone.
void MaildirMailbox::note_removed(std::uint32_t uid, Expunged& done) const {
    done.uids.push_back(uid);
    const MailMessage* message = find(uid);
    if (message != nullptr && !more_keywords_of(*message).empty()) {
        done.keywords.bases.emplace_back(maildir_base(name_of(*message)));
    }
}

// Removes the files.  The UIDs of those that are not where they should be: somebody else has
// renamed or removed them.
Task<Result<std::vector<std::uint32_t>>> MaildirMailbox::remove_messages(
    std::vector<std::uint32_t> uids, Expunged* done) {
    auto opened = directory_fd();
    if (!opened) {
        co_return fail_with(opened);
    }
    const Weigh weigh = is_weighed() ? Weigh::kYes : Weigh::kNo;
    std::vector<std::uint32_t> missing;
    Result<void> outcome;
    for (std::span<const std::uint32_t> left = uids; !left.empty() && outcome;) {
        std::vector<Removal> files;
        for (; !left.empty() && files.size() < kRemovedAtOnce; left = left.subspan(1)) {
            if (const MailMessage* message = find(left.front())) {
                files.push_back({message->uid, relative_path(*message)});
            }
        }
        co_await remove_files(directory_, files, weigh);
        for (const Removal& file : files) {
            if (file.trouble == 0) {
                note_removed(file.uid, *done);
                done->lost += {-file.weight, weigh == Weigh::kYes ? -1 : 0};
            } else if (file.trouble == ENOENT) {
                missing.push_back(file.uid);
            } else {
                outcome = fail_errno("remove " + place_.directory + "/" + file.path, file.trouble);
            }
        }
    }
    co_return outcome ? Result<std::vector<std::uint32_t>>(std::move(missing)) : fail_with(outcome);
}

// Looks where those are that were not found, and removes them.
Task<Result<void>> MaildirMailbox::remove_missing(std::vector<std::uint32_t> uids, Expunged* done) {
    auto looked = co_await scan_for_change();
    if (!looked) {
        co_return looked;
    }
    auto missing = co_await remove_messages(std::move(uids), done);
    if (!missing) {
        co_return fail_with(missing);
    }
    std::ranges::for_each(*missing, [&](std::uint32_t uid) { note_removed(uid, *done); });
    std::ranges::sort(done->uids);
    co_return Result<void>();
}

Task<Result<std::vector<std::uint32_t>>> MaildirMailbox::expunge(std::vector<std::uint32_t> uids) {
    Semaphore::Place turn = co_await busy_.take();
    begin_own_change();
    Expunged done;
    auto missing = co_await remove_messages(std::move(uids), &done);
    Result<void> outcome = missing ? Result<void>() : fail_with(missing);
    drop_messages(done.uids);
    std::vector<std::uint32_t> gone = std::exchange(done.uids, {});
    if (missing && !missing->empty()) {
        outcome = co_await remove_missing(std::move(*missing), &done);
        drop_messages(done.uids);
        gone.insert(gone.end(), done.uids.begin(), done.uids.end());
        std::ranges::sort(gone);
    }
    auto forgotten = co_await change_more_locked(std::move(done.keywords));
    if (!forgotten) {
        log_warning("{}", forgotten.error().message);  // lines too many harm nobody
    }
    end_own_change();
    note_maildir_change(place_.root, done.lost, place_.storage);
    if (!outcome) {
        co_return fail_with(outcome);
    }
    auto shrunk = co_await shrink_uidlist();
    if (!shrunk) {
        log_warning("{}", shrunk.error().message);  // lines too many harm nobody
    }
    co_return gone;
}

// Not one that came after our last look.
bool MaildirMailbox::is_gone(const UidListEntry& entry) const {
    return entry.uid < next_uid_ && find(entry.uid) == nullptr;
}

// A list in which at most three quarters of the lines are live is written anew.
Task<Result<void>> MaildirMailbox::shrink_uidlist() {
    if (!scanned_ || foreign_change_ || listed_ == 0 || messages_.size() * 4 > listed_ * 3) {
        co_return Result<void>();
    }
    auto lock = co_await MailboxLock::acquire(list_path());
    if (!lock) {
        co_return Result<void>();  // some other time
    }
    auto list = load_list();
    if (!list || !list->exists || list->uid_validity != uid_validity_) {
        co_return Result<void>();
    }
    std::erase_if(list->entries, [this](const UidListEntry& entry) { return is_gone(entry); });
    auto written = list->rewrite(place_.control_directory(), place_.file_mode);
    if (written) {
        listed_ = list->entries.size();
        known_.uidlist = list->stamp;
    }
    co_return written;
}

}  // namespace relais
