// A mailbox as IMAP sees it: messages with UIDs, flags and keywords, kept in step with what is on
// disk, which other programs (delivery agents, other servers) change at any time.  This is the
// picture in memory, and what is the same for all formats: the numbers of changes, the quick-start
// file.  How messages lie on disk: maildir_mailbox.h, mbox_mailbox.h.
//
// The sessions of a process that have the same mailbox open share one Mailbox.  Each has its own
// picture of it (a snapshot of UIDs and the change number it has told its client about), and
// compares when it may tell more.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/sync.h"
#include "lib/store/change_journal.h"
#include "lib/store/keyword_file.h"
#include "lib/store/mail_message.h"
#include "lib/store/uidlist.h"

namespace relais {

struct IndexHeader;

class Mailbox {
  public:
    static constexpr std::uint64_t kWhatever = ~std::uint64_t{0};

    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    virtual ~Mailbox() = default;

    // Looks whether something has changed on disk and takes the changes over.
    [[nodiscard]] virtual Task<Result<void>> sync(MailboxAccess access) = 0;

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

    // The message's content.  kNotFound when it is gone (or has moved since the last sync),
    // kTooLarge for one that is no message any more.
    [[nodiscard]] virtual Result<StoredMessage> read(const MailMessage& message) = 0;

    // The same on any thread, as the mailbox is now.
    using Reading = std::function<Result<StoredMessage>()>;
    virtual Reading reading(const MailMessage& message) = 0;

    // Without reading the content.
    [[nodiscard]] virtual Result<MessageTimes> times_of(const MailMessage& message) = 0;

    // What is known of its size without looking at it.
    virtual std::optional<std::uint64_t> known_size(const MailMessage& message,
                                                    MessageSize which) const = 0;

    // With a look at it; 0 for one that is gone.
    virtual std::uint64_t stored_size(const MailMessage& message) const = 0;

    // What identifies it where no list of UIDs says otherwise: of a Maildir, its file's base name.
    virtual std::string base_name(const MailMessage& message) const = 0;

    // For the log.
    virtual std::string path_of(const MailMessage& message) const = 0;

    // Where files are made that add() takes; the directory is there.
    virtual std::string staging_directory() const = 0;

    // Messages there can be given to add() as links to where they lie here.
    virtual bool can_link_to(const Mailbox& other) const = 0;

    // A message as add() of such a mailbox takes it: a link, or the file itself.
    enum class Handing { kLink, kFile };
    // What this gives, without a file, has to be read.
    virtual NewMessage hand_over(const MailMessage& message, Handing how) const;

    // Directories, and files, whose changes are changes of the mailbox.
    struct Watched {
        // kFiles: a directory with the files that change in it, too
        enum class Kind { kEntries, kFiles, kItself, kContent };
        std::string path;
        Kind kind;
    };

    virtual std::vector<Watched> watched() const = 0;

    // The same with everything in which there may be something for sync(): where nothing has
    // happened there since, and it is at_rest(), another sync() would find nothing.  Empty where
    // that cannot be known.
    virtual std::vector<Watched> watched_for_state() const { return {}; }

    // The last sync() has told all, nothing is left to be looked at later, and the mailbox is still
    // where it was.
    virtual bool at_rest() const { return false; }

    using Uids = std::shared_ptr<const std::vector<std::uint32_t>>;
    // The UIDs of all messages, ascending.  Sessions that are up to date share it.
    Uids uids();

    // Messages from this UID on are recent; claiming makes them so for nobody else.
    std::uint32_t first_recent() const { return first_recent_; }

    std::uint32_t claim_recent();

    const KeywordFile& keywords() const { return keywords_; }

    // The names of a message's keywords.
    std::vector<std::string> keywords_of(const MailMessage& message) const;
    bool has_keyword(const MailMessage& message, std::string_view name) const;

    // By what the format keeps beside the message itself.
    bool has_letter(const MailMessage& message, std::string_view name) const;

    // Those for which there were no letters.
    virtual const std::vector<std::string>& more_keywords_of(const MailMessage& message) const;

    // All that messages can have, or some message has.
    std::vector<std::string> keyword_names() const;

    // Messages can get keywords that have no names here yet.
    virtual bool takes_keywords() const { return !keywords_.full(); }

    // Changes the flags of these messages; those that are gone are left out, and those that have
    // changed after `unchanged_since`.  Keywords whose names are not known are added to the file,
    // as far as there is room.
    [[nodiscard]] virtual Task<Result<FlagOutcome>> change_flags(
        std::vector<std::uint32_t> uids, FlagChange how, std::uint8_t system,
        std::vector<std::string> keywords = {}, std::uint64_t unchanged_since = kWhatever) = 0;

    // Removes these messages; the UIDs that are gone now, ascending.
    [[nodiscard]] virtual Task<Result<std::vector<std::uint32_t>>> expunge(
        std::vector<std::uint32_t> uids) = 0;

    // Puts messages into the mailbox and gives them UIDs, in order; all of them or none.
    [[nodiscard]] virtual Task<Result<std::vector<std::uint32_t>>> add(
        std::vector<NewMessage> added) = 0;

    // The list of UIDs, with extensions of messages; in formats without one, only the GUID.
    [[nodiscard]] virtual Result<UidList> list() const;

    // The entries of the uidlist that have extensions, UIDs ascending, without names.
    [[nodiscard]] virtual Result<std::vector<UidListEntry>> extended_entries() const = 0;

    // Gives entries of the uidlist a value for the extension `key`, whatever they had.  Formats
    // without a list keep none.
    struct UidExtension {
        std::uint32_t uid = 0;
        std::string value;
    };

    [[nodiscard]] virtual Task<Result<void>> set_extensions(char key,
                                                            std::vector<UidExtension> values) = 0;

    // The quick-start file (mailbox_index.cc).
    void load_index();
    void save_index();

    // Woken when this process has changed something; sessions that idle wait here.
    Changes& changes() { return changes_; }

  protected:
    friend class ChangeTurn;

    using Clock = std::chrono::steady_clock;

    // What is on disk, as far as it was looked at.
    struct Stamps {
        FileStamp directory;  // which one it is, no more
        FileStamp cur;        // or the file that has all messages
        FileStamp fresh;      // new/
        FileStamp uidlist;
        FileStamp keywords;

        friend bool operator==(const Stamps&, const Stamps&) = default;
    };

    explicit Mailbox(MailboxPlace place) : place_(std::move(place)) {}

    virtual Stamps stamps_now() const = 0;
    [[nodiscard]] virtual Result<KeywordFile> load_keywords() const = 0;

    virtual std::vector<std::string> more_keyword_names() const { return {}; }

    // A message's flags as they are for everybody, for the quick-start file.
    virtual std::uint8_t shared_system(const MailMessage& message) const { return message.system; }

    // There are UIDs that nothing but the quick-start file tells.
    virtual bool relies_on_index() const { return false; }

    std::string_view name_of(const MailMessage& message) const {
        // A copy of a message may be older than the names.
        return message.name_at > names_.size()
                   ? std::string_view()
                   : std::string_view(names_).substr(message.name_at, message.name_size);
    }

    // In memory (mailbox.cc).
    MailMessage& append_message(std::uint32_t uid, std::string_view name, MessageFlags flags);
    void set_name(MailMessage& message, std::string_view name);
    void drop_messages(const std::vector<std::uint32_t>& uids);
    MailMessage* find_mutable(std::uint32_t uid);
    void set_known(const Stamps& stamps);
    void take_keywords(KeywordFile file);

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

    MailboxPlace place_;
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
    bool save_soon_ = false;       // the journal begins, and needs something to begin from
    bool foreign_change_ = false;  // somebody else was at work while we changed something
    KeywordFile keywords_;
    Stamps known_;
    bool scanned_ = false;
    std::optional<Clock::time_point> verify_at_;  // a full scan is due then
    bool index_stale_ = true;                     // the quick-start file does not tell what is here
    bool left_empty_ = false;                     // it tells of a file in which there was nothing
    Uids snapshot_;
    Changes changes_;
};

}  // namespace relais
