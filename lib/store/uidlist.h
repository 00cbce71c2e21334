// Dovecot's dovecot-uidlist (version 3; version 1, which Courier shares, is read): which UID each
// message has.  Kept exactly as Dovecot keeps it, so that both can serve the same mailbox in turn.
//
//     3 V<uidvalidity> N<next uid> G<mailbox guid> [other header words]
//     <uid> [<key><value> ...] :<base file name>
//
// Readers take no lock.  Who adds lines or rewrites the file holds the lock (mailbox_lock.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

// The highest UID to be given out: what comes after it can still be written down as the next one.
inline constexpr std::uint32_t kLastUid = 0xfffffffd;

struct UidListEntry {
    std::uint32_t uid = 0;
    std::string extensions;  // "G123 P4", verbatim; usually empty
    std::string base;
};

// What tells whether a file has changed or is another one.
struct FileStamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;  // a copy that was put back in place may have all the rest

    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// All zero for a file that does not exist.
[[nodiscard]] FileStamp stamp_of(const std::string& path);

class UidList {
  public:
    static constexpr std::string_view kFileName = "dovecot-uidlist";

    // An empty list when there is no file.  Lines that cannot be are dropped: `damaged` tells.
    [[nodiscard]] static Result<UidList> load(const std::string& directory);

    // Only the entries that have extensions, of a list of version 3, without their names.  For whom
    // the whole would be too much: most lists have few.
    [[nodiscard]] static Result<std::vector<UidListEntry>> load_extended(
        const std::string& directory);

    // The GUID alone; empty where there is none.
    [[nodiscard]] static std::string load_guid(const std::string& directory);

    std::uint32_t uid_validity = 0;
    std::uint32_t next_uid = 1;
    std::string guid;                   // 32 hexadecimal digits
    std::string header_extensions;      // further words of the first line
    std::vector<UidListEntry> entries;  // UIDs ascending
    FileStamp stamp;                    // of the file that was read
    bool exists = false;
    bool damaged = false;  // or an old version: should be rewritten

    // Whether there are UIDs for so many more.  Where not, the mailbox has to begin anew, with
    // another UIDVALIDITY (RFC 9051 2.3.1.1).
    bool has_room_for(std::size_t count) const;

    // Gives the next UID, which there must be, to a message.  Only in memory.
    UidListEntry& add(std::string base, std::string extensions = {});

    // Appends the last `count` entries to the file, which must be there.  The lock is held.
    [[nodiscard]] Result<void> append(const std::string& directory, std::size_t count);

    // Writes all of it anew: temporary file, fdatasync, rename.  The lock is held.
    [[nodiscard]] Result<void> rewrite(const std::string& directory, unsigned mode);

  private:
    void parse(std::string_view text);
    bool parse_header(std::string_view line);
    bool parse_entry(std::string_view line, int version);
    static std::string format_entry(const UidListEntry& entry);
};

// The value of an extension ("W1234" has the key W); nothing where it is not there.
[[nodiscard]] std::optional<std::string_view> uidlist_extension(std::string_view extensions,
                                                                char key);

// The extensions with another value for the key.  It must have no blanks.
[[nodiscard]] std::string with_uidlist_extension(std::string_view extensions, char key,
                                                 std::string_view value);

// A new mailbox GUID: 32 hexadecimal digits.
[[nodiscard]] std::string make_guid();

}  // namespace relais
