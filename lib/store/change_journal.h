// The file relais.changes of a mailbox: which messages have changed and which are gone, at which
// modification sequence (RFC 7162).  It is there once a client has asked for such numbers.
//
//     header (magic, UIDVALIDITY, since, inode and boot), then records, numbers ascending
//
// All processes of ours that have the mailbox open append to it, under a lock, before they tell a
// client; so a number means the same to all of them, and none is lost with a process.  Nothing is
// synced: what a crash of the machine leaves is known by the boot, a copy by the inode.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/store/shared_lock.h"

namespace relais {

struct ChangeRecord {
    enum class Kind : std::uint32_t { kFlags, kExpunged };

    std::uint64_t modseq = 0;
    std::uint32_t first = 0;  // UIDs; 0 for a record about no message
    std::uint32_t last = 0;
    Kind kind = Kind::kFlags;

    friend bool operator==(const ChangeRecord&, const ChangeRecord&) = default;
};

class ChangeJournal {
  public:
    static constexpr std::string_view kFileName = "relais.changes";

    ChangeJournal(const std::string& directory, unsigned mode, Storage storage = Storage::kOwn)
        : path_(directory + "/" + std::string(kFileName)), mode_(mode), storage_(storage) {}

    [[nodiscard]] static bool exists(const std::string& directory);

    // False where there is none of this mailbox, or one that cannot be read.
    [[nodiscard]] bool open(std::uint32_t uid_validity);

    // A new one, in the place of what is there; it will tell of changes later than `since`.
    [[nodiscard]] Result<void> start(std::uint32_t uid_validity, std::uint64_t since);

    // The records that came since the last call, and since append() of ours.  Nothing once the file
    // is gone, damaged, or a later one that does not reach back as far as we have read.
    [[nodiscard]] std::optional<std::vector<ChangeRecord>> read_on();

    [[nodiscard]] Result<void> append(std::span<const ChangeRecord> records);

    // Numbers are given, and their records appended, while nobody else does it.  A lock that cannot
    // be had within milliseconds (across machines: seconds) is done without.
    void lock();
    void unlock();

    // What happened up to here is not in the file any longer.
    std::uint64_t since() const { return since_; }

    // The latest record that was read or appended.
    std::uint64_t last() const { return last_; }

    // The machine has not been started anew since somebody made sure of the file.
    bool of_this_boot() const { return of_this_boot_; }

    void confirm_boot();

    void remove();

  private:
    [[nodiscard]] bool parse(std::string_view bytes, std::vector<ChangeRecord>& records);
    void shorten();
    [[nodiscard]] Result<void> replace(std::span<const ChangeRecord> records, std::uint64_t since);

    std::string path_;
    unsigned mode_;
    Storage storage_;
    UniqueFd file_;
    std::optional<DotLock> across_machines_;
    std::uint64_t inode_ = 0;
    std::uint32_t uid_validity_ = 0;
    std::uint64_t since_ = 0;
    std::uint64_t last_ = 0;
    std::uint64_t read_to_ = 0;  // offset
    bool of_this_boot_ = false;
};

// What has happened to which UIDs, by the number at which it did, as far back as memory goes.
class ChangeHistory {
  public:
    // Numbers come in ascending order.
    void add(const ChangeRecord& record);

    // What happened up to here is not known.
    void forget(std::uint64_t modseq);

    // What has happened after this number; nothing where memory does not go back that far.
    [[nodiscard]] std::optional<std::vector<ChangeRecord>> after(std::uint64_t modseq) const;

  private:
    std::vector<ChangeRecord> records_;
    std::uint64_t since_ = 0;
};

}  // namespace relais
