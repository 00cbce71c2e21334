// One side of a synchronization: a user's mailboxes here, on another machine of ours, or on any
// IMAP server.  What a side says of itself, and what can be done to it.
//
// Names of mailboxes have their levels joined by dots, in modified UTF-7, as Maildir++ has them on
// disk: each side puts them into its own form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/task.h"
#include "lib/store/uidlist.h"

namespace relais {

struct SyncMailbox {
    std::string name;
    std::string guid;    // of the mailbox, for ever; empty: this side has none
    bool exists = true;  // else it is only subscribed to
    bool subscribed = false;
};

struct SyncFlags {
    std::uint8_t system = 0;              // bits of MessageFlags
    std::vector<std::string> keywords{};  // sorted

    friend bool operator==(const SyncFlags&, const SyncFlags&) = default;
};

struct SyncMessage {
    std::uint32_t uid = 0;
    std::string guid;  // the same for the same message wherever it is; no blanks
    SyncFlags flags;
    std::int64_t received = 0;
    std::uint64_t size = 0;    // of the file, as far as it is known without reading it
    std::string extensions{};  // for POP3: words of Dovecot's uidlist, "P25 O3"
};

// What can be one of a message: a word of printable characters, not too long for a file's name.
[[nodiscard]] std::string as_sync_guid(std::string text);

// What can be one of a mailbox: 32 hexadecimal digits; else none, the empty one.
[[nodiscard]] std::string as_mailbox_guid(const std::string& text);

// Of the words of Dovecot's uidlist those by which POP3 clients know a message, P and O.
[[nodiscard]] std::string pop3_extensions(std::string_view text);

// What a message can have for a UID.
constexpr bool is_sync_uid(std::uint32_t uid) {
    return uid > 0 && uid <= kLastUid;
}

// A number for a text (FNV-1a), for names of files and GUIDs; it keeps no secret.
[[nodiscard]] std::uint64_t sync_digest(std::string_view text);

struct MailboxNumbers {
    std::uint32_t uid_validity = 0;
    std::uint32_t next_uid = 0;
    std::string guid;

    // A list of UIDs can hold them.
    bool possible() const { return uid_validity != 0xffffffff && next_uid <= kLastUid + 1; }
};

struct MailboxContent {
    MailboxNumbers numbers;
    std::vector<SyncMessage> messages;  // UIDs ascending
    // Where there is no room for other keywords than these: that one is missing tells nothing then.
    std::vector<std::string> last_keywords{};
    std::vector<std::uint32_t> left_out{};  // UIDs of messages that take no part, ascending

    bool has_room_for(std::string_view keyword) const;
};

// A message on its way.
struct SyncText {
    SyncMessage message;
    std::string text;
};

struct TreeChange {
    enum class Kind { kCreate, kDelete, kRename, kSubscribe, kUnsubscribe };

    Kind kind = Kind::kCreate;
    std::string name;
    std::string to{};    // kRename: with all that is below it
    std::string guid{};  // kCreate; empty: whatever

    friend bool operator==(const TreeChange&, const TreeChange&) = default;
};

// To one mailbox, in this order.
struct MailboxChange {
    std::vector<std::uint32_t> expunge{};
    MailboxNumbers numbers{};  // 0 and empty: stays; next_uid: at least
    std::vector<std::pair<std::uint32_t, std::uint32_t>> renumber{};  // UIDs: from, to
    std::vector<std::pair<std::uint32_t, SyncFlags>> flags{};         // what they are to be

    bool empty() const {
        return expunge.empty() && numbers.uid_validity == 0 && numbers.next_uid == 0 &&
               numbers.guid.empty() && renumber.empty() && flags.empty();
    }
};

// An error with kClosed means that this side cannot be reached any longer; another one concerns the
// mailbox or message alone: kTemporary for one that somebody has locked.
class Replica {
  public:
    Replica() = default;
    Replica(const Replica&) = delete;
    Replica& operator=(const Replica&) = delete;
    virtual ~Replica() = default;

    [[nodiscard]] virtual Task<Result<std::vector<SyncMailbox>>> list() = 0;

    [[nodiscard]] virtual Task<Result<MailboxContent>> look(std::string mailbox) = 0;

    // Those of the messages that are still there.
    [[nodiscard]] virtual Task<Result<std::vector<SyncText>>> read(
        std::string mailbox, std::vector<std::uint32_t> uids) = 0;

    [[nodiscard]] virtual Task<Result<void>> change_tree(TreeChange change) = 0;

    [[nodiscard]] virtual Task<Result<void>> change(std::string mailbox, MailboxChange change) = 0;

    // Puts messages in under their UIDs, which ascend, with their system flags.  All of them are on
    // disk then.
    [[nodiscard]] virtual Task<Result<void>> put(std::string mailbox,
                                                 std::vector<SyncText> messages) = 0;

    // False: it can be read, but not changed.
    virtual bool can_change() const { return true; }
};

// A side that can only be read from.
class ReadOnlyReplica : public Replica {
  public:
    [[nodiscard]] Task<Result<void>> change_tree(TreeChange change) override;
    [[nodiscard]] Task<Result<void>> change(std::string mailbox, MailboxChange change) override;
    [[nodiscard]] Task<Result<void>> put(std::string mailbox,
                                         std::vector<SyncText> messages) override;

    bool can_change() const override { return false; }
};

// More than that no message has.
inline constexpr std::uint64_t kLargestSyncText = std::uint64_t{512} << 20;

}  // namespace relais
