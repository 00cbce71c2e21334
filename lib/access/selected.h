// The mailbox that a session has selected, as its client knows it: which messages have which
// sequence numbers, what it was told about flags, which messages are recent for it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/flag_limits.h"
#include "lib/access/user.h"
#include "lib/imap/sequence_set.h"

namespace relais {

enum class Expunges { kTell, kHold };
enum class WithUid { kNo, kYes };

// What a report may be about, and in which form.
struct ReportScope {
    Expunges expunges = Expunges::kTell;
    WithUid with_uid = WithUid::kNo;
    // What NOTIFY has not asked for is left out (RFC 5465 3.1).
    bool arrivals = true;
    bool flags = true;
};

// What the client has asked for with ENABLE or otherwise, for the rest of the session.
struct Enabled {
    bool condstore = false;  // RFC 7162
    bool qresync = false;
    bool utf8 = false;      // UTF8=ACCEPT (RFC 6855)
    bool rev2 = false;      // IMAP4rev2 (RFC 9051)
    bool uid_only = false;  // RFC 9586

    bool tells_vanished() const { return qresync || uid_only; }

    bool utf8_names() const { return utf8 || rev2; }
};

class Selected {
  public:
    // `enabled` is the session's, and may change.
    // `limits`: which flags the client may change.
    Selected(std::shared_ptr<OpenMailbox> mailbox, MailboxAccess access, const Enabled& enabled,
             FlagLimits limits = {});

    Mailbox& box() { return mailbox_->box; }

    OpenMailbox& mailbox() { return *mailbox_; }

    const OpenMailbox& mailbox() const { return *mailbox_; }

    const std::shared_ptr<OpenMailbox>& shared_mailbox() const { return mailbox_; }

    bool read_only() const { return access_ == MailboxAccess::kReadOnly; }

    // Looks at the disk.  What has changed is told with the next report().
    [[nodiscard]] Task<Result<void>> sync() { return mailbox_->box.sync(access_); }

    // Takes the first picture, after the first sync.
    void begin();

    // Modification sequences will be told: from now on they are kept.
    void track() { tracked_ = box().track_changes(); }

    // "* OK [HIGHESTMODSEQ 123] Highest\r\n"
    std::string modseq_line();

    // False where they cannot be kept (NOMODSEQ).
    bool tracked() const { return tracked_; }

    // The UIDs among `known` of which the client has not heard that they went after `modseq`.
    imap::SequenceSet vanished(std::uint64_t modseq, const imap::SequenceSet& known) const;

    // The untagged responses of SELECT.
    std::string describe();

    // Untagged responses about what has changed.  Expunges must be held back during FETCH, STORE
    // and SEARCH, whose sequence numbers they would shift (RFC 3501 7.4.1).  The UIDs of messages
    // that are told of for the first time, ascending.
    std::vector<std::uint32_t> report(std::string& out, const ReportScope& scope);

    // The client knows all that was seen on the disk.
    bool all_told();

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

    // "* 3 FETCH (", or "* 25 UIDFETCH (" (RFC 9586 3.3).
    std::string fetch_head(const MailMessage& message, std::uint32_t sequence) const;

    // "MODSEQ (123)"
    std::string format_modseq(const MailMessage& message);

    // "* 3 FETCH (UID 25 FLAGS (\Seen) MODSEQ (123))\r\n", with what the client wants of it.
    std::string flags_line(const MailMessage& message, std::uint32_t sequence, WithUid with_uid);

    // A change that the client has ordered counts as told: it asked for silence, or was just told.
    void own_change(const FlagOutcome& outcome);

    // The flags line and the one with PERMANENTFLAGS, when keywords have come since the last time.
    void report_keywords(std::string& out);

    // What "$" stands for (RFC 5182): UIDs, ascending; some may be gone.
    std::vector<std::uint32_t> saved;

  private:
    void claim_recent();
    void follow(std::string& out, Expunges expunges);

    std::uint32_t last_in_view() const { return view_->empty() ? 0 : view_->back(); }

    void append_first_unseen(std::string& out);
    void report_flags(std::string& out, std::uint32_t last_known, WithUid with_uid);
    void report_expunges(std::string& out, const Mailbox::Uids& now) const;
    void report_vanished(std::string& out, const Mailbox::Uids& now) const;
    Mailbox::Uids without_returned(const Mailbox::Uids& now) const;
    std::uint32_t recent_count() const;
    std::string flags_text(FlagLimits limits = {}) const;
    std::string permanent_flags();

    std::shared_ptr<OpenMailbox> mailbox_;
    MailboxAccess access_;
    const Enabled& enabled_;
    FlagLimits limits_;
    bool tracked_ = false;
    std::uint32_t uid_validity_ = 0;
    Mailbox::Uids view_;
    std::optional<std::uint32_t> untold_behind_;  // messages behind this UID were not told
    std::uint64_t told_ = 0;                      // flag changes up to this one were told
    std::uint64_t own_ = 0;  // one that need not be told, later than some that must
    std::vector<std::string> keywords_told_;
    std::vector<imap::SequenceSet::Range> recent_;
};

}  // namespace relais
