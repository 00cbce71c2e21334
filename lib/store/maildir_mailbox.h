// A Maildir: each message is a file whose name has its flags, and Dovecot's files beside cur/ say
// which UID each has and what the letters of keywords mean.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/store/directory_scan.h"
#include "lib/store/mailbox.h"
#include "lib/store/mailbox_lock.h"
#include "lib/store/more_keywords.h"
#include "lib/store/own_seen.h"
#include "lib/store/quota_rules.h"

namespace relais {

class MaildirMailbox : public Mailbox {
  public:
    explicit MaildirMailbox(MailboxPlace place) : Mailbox(std::move(place)) {}

    [[nodiscard]] Task<Result<void>> sync(MailboxAccess access) override;
    [[nodiscard]] Result<StoredMessage> read(const MailMessage& message) override;
    Reading reading(const MailMessage& message) override;
    [[nodiscard]] Result<MessageTimes> times_of(const MailMessage& message) override;
    std::optional<std::uint64_t> known_size(const MailMessage& message,
                                            MessageSize which) const override;
    std::uint64_t stored_size(const MailMessage& message) const override;
    std::string base_name(const MailMessage& message) const override;
    std::string path_of(const MailMessage& message) const override;

    std::string staging_directory() const override { return place_.directory + "/tmp"; }

    bool can_link_to(const Mailbox& other) const override;
    NewMessage hand_over(const MailMessage& message, Handing how) const override;
    std::vector<Watched> watched() const override;
    std::vector<Watched> watched_for_state() const override;

    bool at_rest() const override;
    [[nodiscard]] Task<Result<FlagOutcome>> change_flags(
        std::vector<std::uint32_t> uids, FlagChange how, std::uint8_t system,
        std::vector<std::string> keywords = {}, std::uint64_t unchanged_since = kWhatever) override;
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> expunge(
        std::vector<std::uint32_t> uids) override;
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> add(
        std::vector<NewMessage> added) override;

    [[nodiscard]] Result<UidList> list() const override {
        return UidList::load(place_.control_directory());
    }

    [[nodiscard]] Result<std::vector<UidListEntry>> extended_entries() const override {
        return UidList::load_extended(place_.control_directory());
    }

    [[nodiscard]] Task<Result<void>> set_extensions(char key,
                                                    std::vector<UidExtension> values) override;

    const std::vector<std::string>& more_keywords_of(const MailMessage& message) const override {
        return more_.of(maildir_base(name_of(message)));
    }

    bool takes_keywords() const override { return !keywords().full() || keeps_more_keywords(); }

  private:
    // Reading the directory (maildir_scan.cc).
    Stamps stamps_now() const override;
    [[nodiscard]] Task<Result<void>> sync_locked(MailboxAccess access);
    [[nodiscard]] Task<Result<void>> full_scan(MailboxAccess access);
    // The same in the middle of a change: kClosed where another mailbox has taken the place of this
    // one, in which the same UIDs are other messages.
    [[nodiscard]] Task<Result<void>> scan_for_change();
    [[nodiscard]] Task<Result<void>> scan_new(MailboxAccess access);
    [[nodiscard]] Result<FoundFiles> find_files(Stamps& at);
    [[nodiscard]] Task<Result<UidList>> list_with(FoundFiles& found, UidList list);
    [[nodiscard]] Task<void> sync_list() const;
    std::vector<std::string> move_new_files();
    void take_over(const UidList& list, FoundFiles& found);
    void note_recent(FoundFiles& found, const std::vector<std::string>& moved);
    [[nodiscard]] Result<UidList> load_list() const;

    // The names of keywords (maildir_keywords.cc).
    enum class SameMailbox { kNo, kYes };
    [[nodiscard]] Task<Result<void>> read_keywords(SameMailbox same);
    [[nodiscard]] Task<Result<KeywordFile>> keywords_with(std::vector<std::string> names);
    [[nodiscard]] Result<KeywordFile> load_keywords() const override;
    FileStamp keywords_stamp() const;

    std::vector<std::string> more_keyword_names() const override {
        return {more_.names().begin(), more_.names().end()};
    }

    bool keeps_more_keywords() const;
    std::vector<std::string> without_letters(std::vector<std::string> names,
                                             const KeywordFile& file) const;
    std::optional<MoreKeywords::Bases> bases_there() const;
    MoreKeywords::Census census() const;
    using MoreChanges = std::vector<MoreKeywords::Change>;
    void read_more_keywords();
    [[nodiscard]] Result<void> take_more_keywords();
    [[nodiscard]] Result<MoreKeywords::Bases> change_more_keywords(const MoreChanges& changes);
    [[nodiscard]] Task<Result<MoreKeywords::Bases>> change_more_locked(MoreKeywords::Change change);
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> change_more_of(
        std::vector<std::uint32_t> uids, FlagChange how, std::vector<std::string> keywords);

    // Flags that are the user's own (maildir_seen.cc).
    bool has_own_seen() const { return !place_.own_flags.empty(); }

    static OwnSeen::Mark seen_in(std::uint8_t system) {
        return (system & MessageFlags::kSeen) != 0 ? OwnSeen::Mark::kSeen : OwnSeen::Mark::kUnseen;
    }

    static std::uint8_t with_seen(std::uint8_t system, OwnSeen::Mark as) {
        return static_cast<std::uint8_t>((system & ~MessageFlags::kSeen) |
                                         (as == OwnSeen::Mark::kSeen ? MessageFlags::kSeen : 0));
    }

    std::string own_seen_path() const;
    MessageFlags flags_of(std::uint32_t uid, std::string_view name) const;
    MessageFlags flags_in_name(const MailMessage& message, MessageFlags flags) const;

    std::uint8_t shared_system(const MailMessage& message) const override {
        return flags_in_name(message, message.flags()).system;
    }

    void read_own_seen();
    void take_over_seen(OwnSeen found);
    [[nodiscard]] Task<Result<void>> write_own_seen(std::span<const std::uint32_t> uids,
                                                    OwnSeen::Mark as);
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> mark_own_seen(
        std::vector<std::uint32_t> uids, OwnSeen::Mark as);
    std::vector<std::size_t> take_own_seen(std::vector<NewMessage>& added) const;
    [[nodiscard]] Task<void> note_added_seen(std::vector<std::uint32_t> uids,
                                             std::vector<std::size_t> seen);

    // Changing it (maildir_change.cc).
    int rename_to(MailMessage& message, MessageFlags flags);

    // The messages of which more changes than the name of a file.
    struct Apart {
        std::vector<std::uint32_t>
            keywords;                     // they get or lose some for which there are no letters
        std::vector<std::uint32_t> seen;  // or the user's own mark
    };

    MessageFlags wanted_flags(const MailMessage& message, FlagChange how, MessageFlags by,
                              const std::vector<std::string>& keywords, Apart& apart) const;
    [[nodiscard]] Task<Result<void>> change_apart(Apart apart, FlagChange how, std::uint8_t system,
                                                  std::vector<std::string> keywords,
                                                  std::vector<std::uint32_t>* changed);

    // What an expunge has come to.
    struct Expunged {
        std::vector<std::uint32_t> uids;
        QuotaAmount lost;
        MoreKeywords::Change keywords;  // of these, none are left
    };

    void note_removed(std::uint32_t uid, Expunged& done) const;
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> remove_messages(
        std::vector<std::uint32_t> uids, Expunged* done);
    [[nodiscard]] Task<Result<void>> remove_missing(std::vector<std::uint32_t> uids,
                                                    Expunged* done);
    [[nodiscard]] Result<void> place_files(const std::vector<NewMessage>& added,
                                           std::vector<std::string>& placed);
    void take_back(const std::vector<NewMessage>& added,
                   const std::vector<std::string>& placed) const;
    [[nodiscard]] Task<Result<UidList>> list_for_adding(std::optional<MailboxLock>& lock,
                                                        std::size_t count);
    [[nodiscard]] Task<Result<UidList>> prepare_adding(std::vector<NewMessage>& added,
                                                       std::optional<MailboxLock>& lock);
    [[nodiscard]] Task<Result<void>> shrink_uidlist();
    bool is_gone(const UidListEntry& entry) const;
    bool is_weighed() const;
    std::int64_t weight_of(std::string_view relative_path) const;
    void begin_own_change();
    void end_own_change();

    // One message (maildir_mailbox.cc).
    [[nodiscard]] Result<int> directory_fd();
    std::string relative_path(const MailMessage& message) const;
    void add_message(std::uint32_t uid, std::string_view name, bool in_new);
    void rename_in_memory(MailMessage& message, std::string_view name);
    std::string list_path() const;

    MoreKeywords more_;
    bool more_known_ = false;  // it was looked at
    OwnSeen own_seen_;
    bool own_seen_known_ = false;                // the same
    bool own_seen_unreadable_ = false;           // this has been logged
    std::shared_ptr<const UniqueFd> directory_;  // threads that read keep it open
    FileStamp opened_;                           // which directory that is
    bool unwritten_ = false;  // there are UIDs that no list tells: we may only read
    bool no_room_ = false;    // messages have no UIDs, since the list cannot grow: not shown
};

}  // namespace relais
