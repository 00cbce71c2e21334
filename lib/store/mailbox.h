// One Maildir as IMAP sees it: messages with UIDs, flags and keywords, kept in step with the
// directory, which other programs (delivery agents, other servers) change at any time.
//
// The sessions of a process that have the same mailbox open share one Mailbox.  Each has its own
// picture of it (a snapshot of UIDs and the change number it has told its client about), and
// compares when it may tell more.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/event/sync.h"
#include "lib/store/change_journal.h"
#include "lib/store/directory_scan.h"
#include "lib/store/keyword_file.h"
#include "lib/store/mailbox_lock.h"
#include "lib/store/maildir_name.h"
#include "lib/store/shared_lock.h"
#include "lib/store/uidlist.h"

namespace relais {

struct MailMessage {
    std::uint32_t uid = 0;
    std::uint32_t keywords = 0;
    std::uint32_t name_at = 0;  // into the mailbox's names
    std::uint16_t name_size = 0;
    std::uint8_t system = 0;
    bool in_new = false;       // still in new/, else in cur/
    std::uint64_t change = 0;  // the number of its last change; see Mailbox::modseq_of()

    MessageFlags flags() const { return {system, keywords}; }
};

// Where a mailbox lies, and how its files are made.
struct MailboxPlace {
    std::string directory;
    std::string root;  // of all mailboxes: where the UIDVALIDITY counter is
    std::string host;
    unsigned file_mode = 0600;
    bool counted = true;  // in maildirsize, where there is one
    Storage storage = Storage::kOwn;
};

// Read-only sessions leave new messages in new/, and recent.
enum class MailboxAccess { kReadOnly, kReadWrite };

// A message file in tmp/ (or elsewhere on the same file system) that is to get a UID here.
struct NewMessage {
    std::string path;  // is moved away (or linked, for a copy)
    std::string base;  // its base name in this mailbox
    MessageFlags flags;
    std::string extensions;  // for the uidlist: "G<guid>" of a copied message
    bool link = false;
    std::vector<std::string> keywords{};  // by name; they get their letters when it is added
};

enum class FlagChange { kReplace, kAdd, kRemove };

// What has become of a change of flags.
struct FlagOutcome {
    std::uint64_t number = 0;              // of this change
    std::uint64_t before = 0;              // of the flag change before it, whoever made that
    std::vector<std::uint32_t> refused{};  // UIDs: they have changed since (UNCHANGEDSINCE)
};

struct IndexHeader;

class Mailbox {
  public:
    static constexpr std::uint64_t kWhatever = ~std::uint64_t{0};

    explicit Mailbox(MailboxPlace place) : place_(std::move(place)) {}

    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    // Looks whether the directory has changed and takes the changes over.
    [[nodiscard]] Task<Result<void>> sync(MailboxAccess access);

    const MailboxPlace& place() const { return place_; }

    std::uint32_t uid_validity() const { return uid_validity_; }

    std::uint32_t next_uid() const { return next_uid_; }

    // The numbers of the latest change (of flags, by arrival, by expunge) and of the latest change
    // of flags.  They are points in time, in microseconds, and grow with every change.
    std::uint64_t last_change() const { return last_change_; }

    std::uint64_t last_flag_change() const { return last_flag_change_; }

    // Modification sequences (RFC 7162) are these numbers, as far as they are known for sure: what
    // may have changed unseen counts as changed at `floor_`.
    std::uint64_t modseq_of(const MailMessage& message) const {
        return std::max(message.change, floor_);
    }

    // From the first call on the numbers are kept in the mailbox (change_journal.h), for who comes
    // back with one.  False where nothing can be written.
    [[nodiscard]] bool track_changes();

    // The UIDs that went after this number; nothing where that is not known any longer.
    [[nodiscard]] std::optional<std::vector<ChangeRecord>> expunged_after(
        std::uint64_t modseq) const;

    // The UIDs of messages that have changed after it, ascending.  Looks at the others only where
    // the number is of long ago.
    [[nodiscard]] std::vector<std::uint32_t> changed_after(std::uint64_t modseq) const;

    // Of the mailbox, for ever: 32 hexadecimal digits; empty where nobody could write it down.
    const std::string& guid() const { return guid_; }

    std::span<const MailMessage> messages() const { return messages_; }

    const MailMessage* find(std::uint32_t uid) const;

    std::string_view name_of(const MailMessage& message) const {
        return std::string_view(names_).substr(message.name_at, message.name_size);
    }

    // Relative to the mailbox's directory: "cur/NAME".
    std::string relative_path(const MailMessage& message) const;
    std::string path_of(const MailMessage& message) const;

    // Descriptor of the mailbox's directory, for openat().
    [[nodiscard]] Result<int> directory_fd();

    using Uids = std::shared_ptr<const std::vector<std::uint32_t>>;
    // The UIDs of all messages, ascending.  Sessions that are up to date share it.
    Uids uids();

    // Messages from this UID on are recent; claiming makes them so for nobody else.
    std::uint32_t first_recent() const { return first_recent_; }

    std::uint32_t claim_recent();

    const KeywordFile& keywords() const { return keywords_; }

    // The names of a message's keywords.
    std::vector<std::string> keywords_of(const MailMessage& message) const;

    // Changes the flags of these messages; those that are gone are left out, and those that have
    // changed after `unchanged_since`.  Keywords whose names are not known are added to the file,
    // as far as there is room.
    [[nodiscard]] Task<Result<FlagOutcome>> change_flags(std::vector<std::uint32_t> uids,
                                                         FlagChange how, std::uint8_t system,
                                                         std::vector<std::string> keywords = {},
                                                         std::uint64_t unchanged_since = kWhatever);

    // Removes these messages; the UIDs that are gone now, ascending.
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> expunge(std::vector<std::uint32_t> uids);

    // Puts messages into the mailbox and gives them UIDs, in order; all of them or none.
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> add(std::vector<NewMessage> added);

    // The extensions of a message's line in the uidlist.
    [[nodiscard]] Result<std::string> uidlist_extensions(std::uint32_t uid) const;

    // The entries of the uidlist that have extensions, UIDs ascending, without names.
    [[nodiscard]] Result<std::vector<UidListEntry>> extended_entries() const {
        return UidList::load_extended(place_.directory);
    }

    // Gives entries of the uidlist a value for the extension `key`, whatever they had.
    struct UidExtension {
        std::uint32_t uid = 0;
        std::string value;
    };

    [[nodiscard]] Task<Result<void>> set_extensions(char key, std::vector<UidExtension> values);

    // The quick-start file (mailbox_index.cc).
    void load_index();
    void save_index();

    // Woken when this process has changed something; sessions that idle wait here.
    Changes& changes() { return changes_; }

  private:
    friend class ChangeTurn;

    using Clock = std::chrono::steady_clock;

    // What is on disk, as far as it was looked at.
    struct Stamps {
        FileStamp directory;  // which one it is, no more
        FileStamp cur;
        FileStamp fresh;  // new/
        FileStamp uidlist;
        FileStamp keywords;

        friend bool operator==(const Stamps&, const Stamps&) = default;
    };

    // Reading the directory (mailbox_scan.cc).
    Stamps stamps_now() const;
    [[nodiscard]] Task<Result<void>> sync_locked(MailboxAccess access);
    [[nodiscard]] Task<Result<void>> full_scan(MailboxAccess access);
    [[nodiscard]] Task<Result<void>> scan_new(MailboxAccess access);
    [[nodiscard]] Result<FoundFiles> find_files(Stamps& at);
    [[nodiscard]] Task<Result<UidList>> list_with(FoundFiles& found, UidList list);
    [[nodiscard]] Task<void> sync_list() const;
    std::vector<std::string> move_new_files();
    void take_over(const UidList& list, FoundFiles& found);
    void note_recent(FoundFiles& found, const std::vector<std::string>& moved);
    void set_known(const Stamps& stamps);
    [[nodiscard]] Result<UidList> load_list() const;

    // The names of keywords (mailbox_keywords.cc).
    enum class SameMailbox { kNo, kYes };
    [[nodiscard]] Task<Result<void>> read_keywords(SameMailbox same);
    [[nodiscard]] Task<Result<KeywordFile>> keywords_with(std::vector<std::string> names);
    void take_keywords(KeywordFile file);
    FileStamp keywords_stamp() const;

    // The numbers of changes (mailbox_modseq.cc).
    std::uint64_t next_change() const;
    void begin_numbers();
    void read_journal();
    void take_record(const ChangeRecord& record);
    void note_changed(const std::vector<std::uint32_t>& uids, FlagOutcome& outcome);
    void resume_journal(const IndexHeader& header, bool confirmed);

    // The quick-start file (mailbox_index.cc).
    void take_messages(std::string_view body, const IndexHeader& header);
    void append_change_runs(std::string& text, std::uint32_t& count) const;

    // Changing it (mailbox_change.cc).
    bool rename_to(MailMessage& message, MessageFlags flags);
    [[nodiscard]] Result<void> place_files(const std::vector<NewMessage>& added,
                                           std::vector<std::string>& placed);
    void take_back(const std::vector<NewMessage>& added,
                   const std::vector<std::string>& placed) const;
    [[nodiscard]] Task<Result<UidList>> list_for_adding(std::optional<MailboxLock>& lock);
    [[nodiscard]] Task<Result<UidList>> prepare_adding(std::vector<NewMessage>& added,
                                                       std::optional<MailboxLock>& lock);
    [[nodiscard]] Task<Result<void>> shrink_uidlist();
    bool is_weighed() const;
    std::int64_t weight_of(std::string_view relative_path) const;
    void begin_own_change();
    void end_own_change();

    // In memory (mailbox.cc).
    void add_message(std::uint32_t uid, std::string_view name, bool in_new);
    void rename_in_memory(MailMessage& message, std::string_view name);
    void drop_messages(const std::vector<std::uint32_t>& uids);
    MailMessage* find_mutable(std::uint32_t uid);
    std::string list_path() const;

    MailboxPlace place_;
    UniqueFd directory_;
    Semaphore busy_{1};
    std::vector<MailMessage> messages_;
    std::string names_;
    std::size_t wasted_names_ = 0;
    std::uint32_t uid_validity_ = 0;
    std::uint32_t next_uid_ = 1;
    std::uint32_t first_recent_ = 0;  // 0: not known yet
    std::uint64_t last_change_ = 1;
    std::uint64_t last_flag_change_ = 1;
    std::uint64_t floor_ = 0;               // every message has changed by then, for all we know
    std::optional<ChangeJournal> journal_;  // changes are tracked
    ChangeHistory history_;                 // of messages that are gone
    ChangeHistory flag_history_;
    std::string guid_;
    std::size_t listed_ = 0;       // lines in the uidlist
    bool unwritten_ = false;       // there are UIDs that no list tells: we may only read
    bool no_room_ = false;         // messages have no UIDs, since the list cannot grow: not shown
    bool save_soon_ = false;       // the journal begins, and needs something to begin from
    bool foreign_change_ = false;  // somebody else was at work while we changed something
    KeywordFile keywords_;
    Stamps known_;
    bool scanned_ = false;
    std::optional<Clock::time_point> verify_at_;  // a full scan is due then
    bool index_stale_ = true;                     // the quick-start file does not tell what is here
    Uids snapshot_;
    Changes changes_;
};

}  // namespace relais
