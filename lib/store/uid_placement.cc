#include "lib/store/uid_placement.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <unordered_map>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/event/blocking.h"
#include "lib/store/directory_scan.h"
#include "lib/store/mailbox_lock.h"
#include "lib/store/maildir_size.h"
#include "lib/store/uid_validity.h"
#include "lib/store/uidlist.h"

namespace relais {

namespace {

using Moves = std::unordered_map<std::uint32_t, std::uint32_t>;  // UIDs: from, to

std::string list_path(const MailboxPlace& place) {
    return place.control_directory() + "/" + std::string(UidList::kFileName);
}

std::unexpected<Error> no_such_uids(const MailboxPlace& place) {
    return fail(Errc::kDenied, place.directory + ": UIDs that cannot be");
}

bool is_possible(const NumberChange& change) {
    return change.uid_validity != 0xffffffff && change.next_uid <= kLastUid + 1 &&
           std::ranges::all_of(change.moved, [](const auto& move) {
               return move.second > 0 && move.second <= kLastUid;
           });
}

// A list that can be written: with a UIDVALIDITY, also where there was none.
Result<UidList> usable_list(const MailboxPlace& place) {
    if (place.single_file) {
        return fail(Errc::kDenied, place.directory + ": only in a Maildir are UIDs chosen");
    }
    auto list = UidList::load(place.control_directory());
    if (list && list->uid_validity == 0) {
        auto validity = next_uid_validity(place.root, place.file_mode);
        if (!validity) {
            return fail_with(validity);
        }
        list->uid_validity = *validity;
        list->entries.clear();
        list->damaged = true;
    }
    return list;
}

Result<void> sync_file(const std::string& path) {
    auto fd = open_file(path, O_RDONLY);
    if (!fd) {
        return fail_with(fd);
    }
    return ::fsync(fd->get()) == 0 ? Result<void>() : fail_errno("fsync " + path);
}

Task<Result<void>> sync_in_background(std::string path) {
    auto sync = [path = std::move(path)] { return sync_file(path); };
    co_return co_await run_blocking(std::move(sync));
}

// The messages that are there, for find().
Result<FoundFiles> files_of(const MailboxPlace& place) {
    FoundFiles files;
    for (const char* part : {"/new", "/cur"}) {
        auto read = files.read(place.directory + part, part == std::string_view("/new"));
        if (!read) {
            return fail_with(read);
        }
    }
    files.index();
    return files;
}

// Lines whose UIDs are to be given out again go; it is an error where one has its message.
Result<void> free_uids(const MailboxPlace& place, UidList& list,
                       const std::vector<PlacedMessage>& messages) {
    auto wanted = [&messages](const UidListEntry& entry) {
        return std::ranges::binary_search(messages, entry.uid, {}, &PlacedMessage::uid);
    };
    if (std::ranges::none_of(list.entries, wanted)) {
        return {};
    }
    auto files = files_of(place);
    if (!files) {
        return fail_with(files);
    }
    for (const UidListEntry& entry : list.entries) {
        if (wanted(entry) && files->find(entry.base) != nullptr) {
            return fail(Errc::kDenied,
                        format("{}: UID {} has been taken meanwhile", place.directory, entry.uid));
        }
    }
    std::erase_if(list.entries, wanted);
    list.damaged = true;  // to be written anew
    return {};
}

Result<void> write_lines(const MailboxPlace& place, UidList& list,
                         const std::vector<PlacedMessage>& messages) {
    bool behind = list.entries.empty() || list.entries.back().uid < messages.front().uid;
    for (const PlacedMessage& placed : messages) {
        list.entries.push_back({placed.uid, placed.message.extensions, placed.message.base});
        list.next_uid = std::max(list.next_uid, placed.uid + 1);
    }
    if (behind && list.exists && !list.damaged) {
        return list.append(place.control_directory(), messages.size());
    }
    std::ranges::sort(list.entries, {}, &UidListEntry::uid);
    return list.rewrite(place.control_directory(), place.file_mode);
}

Result<void> move_files(const MailboxPlace& place, const std::vector<PlacedMessage>& messages) {
    QuotaAmount more;
    Result<void> outcome;
    for (const PlacedMessage& placed : messages) {
        const NewMessage& message = placed.message;
        struct stat status;
        bool known = ::stat(message.path.c_str(), &status) == 0;
        std::string target =
            place.directory + "/cur/" + with_maildir_flags(message.base, message.flags);
        if (std::rename(message.path.c_str(), target.c_str()) < 0) {
            outcome = fail_errno("move to " + target);
            break;
        }
        more += {known ? status.st_size : 0, 1};
    }
    if (place.counted && keeps_maildir_size(place.root)) {
        note_maildir_change(place.root, more);
    }
    return outcome;
}

// Under another UIDVALIDITY messages that are not moved come behind all others, and what is known
// of them stays with them.
Result<void> begin_anew(const MailboxPlace& place, UidList& list, const NumberChange& change,
                        const Moves& moved) {
    auto files = files_of(place);
    if (!files) {
        return fail_with(files);
    }
    list.uid_validity = change.uid_validity;
    list.next_uid = std::max(1U, change.next_uid);
    for (const auto& [from, to] : moved) {
        list.next_uid = std::max(list.next_uid, to + 1);
    }
    std::erase_if(list.entries, [&](const UidListEntry& entry) {
        return !moved.contains(entry.uid) && files->find(entry.base) == nullptr;
    });
    if (list.entries.size() > kLastUid + 1 - list.next_uid) {
        return no_such_uids(place);
    }
    for (UidListEntry& entry : list.entries) {
        auto found = moved.find(entry.uid);
        entry.uid = found == moved.end() ? list.next_uid++ : found->second;
    }
    return {};
}

void renumber(UidList& list, const Moves& moved) {
    for (UidListEntry& entry : list.entries) {
        auto found = moved.find(entry.uid);
        entry.uid = found == moved.end() ? entry.uid : found->second;
        list.next_uid = std::max(list.next_uid, entry.uid + 1);
    }
}

}  // namespace

Task<Result<void>> change_numbers(MailboxPlace place, NumberChange change) {
    if (!is_possible(change)) {
        co_return no_such_uids(place);
    }
    auto lock = co_await MailboxLock::acquire(list_path(place));
    if (!lock) {
        co_return fail_with(lock);
    }
    auto list = usable_list(place);
    if (!list) {
        co_return fail_with(list);
    }
    const Moves moved(change.moved.begin(), change.moved.end());
    list->guid = change.guid.empty() ? list->guid : change.guid;
    list->next_uid = std::max(list->next_uid, change.next_uid);
    if (change.uid_validity != 0 && change.uid_validity != list->uid_validity) {
        auto begun = begin_anew(place, *list, change, moved);
        if (!begun) {
            co_return begun;
        }
    } else {
        renumber(*list, moved);
    }
    std::ranges::sort(list->entries, {}, &UidListEntry::uid);
    auto twice = std::ranges::adjacent_find(list->entries, {}, &UidListEntry::uid);
    if (twice != list->entries.end()) {
        co_return fail(Errc::kDenied,
                       format("{}: UID {} would be given out twice", place.directory, twice->uid));
    }
    co_return list->next_uid <= kLastUid + 1
        ? list->rewrite(place.control_directory(), place.file_mode)
        : no_such_uids(place);
}

Task<Result<bool>> place_messages(MailboxPlace place, std::vector<PlacedMessage> messages) {
    if (messages.empty()) {
        co_return false;
    }
    bool ascend = std::ranges::adjacent_find(messages, std::greater_equal(), &PlacedMessage::uid) ==
                  messages.end();
    if (!ascend || messages.front().uid == 0 || messages.back().uid > kLastUid) {
        co_return no_such_uids(place);
    }
    bool again = false;
    {
        auto lock = co_await MailboxLock::acquire(list_path(place));
        if (!lock) {
            co_return fail_with(lock);
        }
        auto list = usable_list(place);
        if (!list) {
            co_return fail_with(list);
        }
        again = messages.front().uid < list->next_uid;
        auto ready = free_uids(place, *list, messages);
        if (ready) {
            ready = write_lines(place, *list, messages);
        }
        if (ready) {
            ready = co_await sync_in_background(list_path(place));
        }
        auto moved = ready ? move_files(place, messages) : ready;
        if (!moved) {
            co_return fail_with(moved);
        }
    }
    auto synced = co_await sync_in_background(place.directory + "/cur");
    co_return synced ? Result<bool>(again) : fail_with(synced);
}

}  // namespace relais
