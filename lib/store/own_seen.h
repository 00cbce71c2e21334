// relais.seen in a directory of the user's own (INDEXPVT=): which messages of a mailbox that others
// use as well he has seen.  The UIDVALIDITY, and lines of UIDs:
//     V1700000000
//     1:120,125,130:131
// Replaced as a whole, under a lock of its own.  Where there is none yet, what Dovecot has written
// down in dovecot.index.pvt is taken over.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/imap/sequence_set.h"
#include "lib/store/uidlist.h"

namespace relais {

class OwnSeen {
  public:
    static constexpr std::string_view kFileName = "relais.seen";

    // Without a file nothing was seen; of one that makes no sense, what is before that counts.
    [[nodiscard]] static Result<OwnSeen> load(const std::string& directory);
    [[nodiscard]] static OwnSeen parse(std::string_view text);
    std::string to_string() const;

    // Another mailbox has taken the place of the one that was known: nothing of it was seen.
    void begin(std::uint32_t uid_validity);

    bool has(std::uint32_t uid_validity, std::uint32_t uid) const {
        return uid_validity == uid_validity_ && seen_.contains(uid);
    }

    enum class Mark { kSeen, kUnseen };

    Mark mark_of(std::uint32_t uid_validity, std::uint32_t uid) const {
        return has(uid_validity, uid) ? Mark::kSeen : Mark::kUnseen;
    }

    // UIDs ascend.
    void mark(std::span<const std::uint32_t> uids, Mark as);

    // More ranges than there can be with so many messages: some are of messages that are gone.
    bool is_crowded(std::size_t messages) const { return seen_.ranges().size() > messages + 100; }

    // Forgets all but these (ascending), and those from `next` on.
    void keep(std::span<const std::uint32_t> uids, std::uint32_t next);

    [[nodiscard]] Result<void> write(const std::string& directory, unsigned mode);

    // Of the file; all zero where there is none.
    const FileStamp& stamp() const { return stamp_; }

  private:
    void take_from_dovecot(const std::string& directory);

    std::uint32_t uid_validity_ = 0;
    imap::SequenceSet seen_;
    FileStamp stamp_;
};

}  // namespace relais
