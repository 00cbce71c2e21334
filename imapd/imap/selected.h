// The mailbox that a session has selected, as its client knows it: which messages have which
// sequence numbers, what it was told about flags, which messages are recent for it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/user.h"
#include "lib/imap/sequence_set.h"

namespace relais {

enum class Expunges { kTell, kHold };
enum class WithUid { kNo, kYes };

class Selected {
  public:
    Selected(std::shared_ptr<OpenMailbox> mailbox, MailboxAccess access);

    Mailbox& box() { return mailbox_->box; }

    OpenMailbox& mailbox() { return *mailbox_; }

    bool read_only() const { return access_ == MailboxAccess::kReadOnly; }

    // Looks at the disk.  What has changed is told with the next report().
    [[nodiscard]] Task<Result<void>> sync() { return mailbox_->box.sync(access_); }

    // Takes the first picture, after the first sync.
    void begin();

    // The untagged responses of SELECT.
    std::string describe();

    // Untagged responses about what has changed.  Expunges must be held back during FETCH, STORE
    // and SEARCH, whose sequence numbers they would shift (RFC 3501 7.4.1).
    void report(std::string& out, Expunges expunges, WithUid with_uid);

    // False once the mailbox has another UIDVALIDITY: nothing that was told still holds.
    bool valid() { return mailbox_->box.uid_validity() == uid_validity_; }

    std::uint32_t count() const { return static_cast<std::uint32_t>(view_->size()); }

    std::optional<std::uint32_t> sequence_of(std::uint32_t uid) const;

    // The UIDs that a message set names, ascending; nothing when a sequence number is out of range.
    std::optional<std::vector<std::uint32_t>> pick(const imap::SequenceSet& set, WithUid by) const;

    // The UIDs of all messages that the client knows and that are still there, ascending.
    std::vector<std::uint32_t> present() const;

    // The UIDs that "$" names and the client has not heard to be gone.
    std::vector<std::uint32_t> pick_saved() const;

    bool is_recent(std::uint32_t uid) const;

    // "(\Seen \Recent $Junk)"
    std::string format_flags(const MailMessage& message);

    // Flag changes up to now count as told: the client asked for silence, or was just told.
    std::uint64_t told() const { return told_; }

    void set_told(std::uint64_t change) { told_ = change; }

    // The flags line and the one with PERMANENTFLAGS, when keywords have come since the last time.
    void report_keywords(std::string& out);

    // What "$" stands for (RFC 5182): UIDs, ascending; some may be gone.
    std::vector<std::uint32_t> saved;

  private:
    void claim_recent();
    void report_flags(std::string& out, std::uint32_t last_known, WithUid with_uid);
    void report_expunges(std::string& out, const Mailbox::Uids& now);
    Mailbox::Uids without_returned(const Mailbox::Uids& now) const;
    std::uint32_t recent_count() const;
    std::string flags_text() const;

    std::shared_ptr<OpenMailbox> mailbox_;
    MailboxAccess access_;
    std::uint32_t uid_validity_ = 0;
    Mailbox::Uids view_;
    std::uint64_t told_ = 0;
    std::vector<std::string> keywords_told_;
    std::vector<imap::SequenceSet::Range> recent_;
};

}  // namespace relais
