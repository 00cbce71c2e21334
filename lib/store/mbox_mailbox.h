// An mbox file: all messages in one, in the order in which they came.  UIDs, flags and keywords
// stand in header fields (mbox_format.h), which are written at once, under the locks that local(8)
// takes; our own files are in the index directory, which makes opening it again cheap.
//
// Others append to the file while it is open here, and some change it: what is known of a message
// is believed as long as its From_ line and its X-UID are where they were.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/store/mailbox.h"
#include "lib/store/mbox_format.h"
#include "lib/store/mbox_lock.h"
#include "lib/store/mbox_rewrite.h"
#include "lib/store/mbox_scan.h"

namespace relais {

class MboxMailbox : public Mailbox {
  public:
    // place.directory is the file.
    explicit MboxMailbox(MailboxPlace place) : Mailbox(std::move(place)) {}

    [[nodiscard]] Task<Result<void>> sync(MailboxAccess access) override;
    [[nodiscard]] Result<StoredMessage> read(const MailMessage& message) override;
    Reading reading(const MailMessage& message) override;
    [[nodiscard]] Result<MessageTimes> times_of(const MailMessage& message) override;

    std::optional<std::uint64_t> known_size(const MailMessage& /*message*/,
                                            MessageSize /*which*/) const override {
        return std::nullopt;
    }

    std::uint64_t stored_size(const MailMessage& message) const override;
    // Of the mailbox's GUID and the UID.
    std::string base_name(const MailMessage& message) const override;

    std::string path_of(const MailMessage& /*message*/) const override { return place_.directory; }

    std::string staging_directory() const override { return place_.index_directory(); }

    bool can_link_to(const Mailbox& /*other*/) const override { return false; }

    std::vector<Watched> watched() const override;
    [[nodiscard]] Task<Result<FlagOutcome>> change_flags(
        std::vector<std::uint32_t> uids, FlagChange how, std::uint8_t system,
        std::vector<std::string> keywords = {}, std::uint64_t unchanged_since = kWhatever) override;
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> expunge(
        std::vector<std::uint32_t> uids) override;
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> add(
        std::vector<NewMessage> added) override;

    [[nodiscard]] Result<std::vector<UidListEntry>> extended_entries() const override {
        return std::vector<UidListEntry>();
    }

    [[nodiscard]] Task<Result<void>> set_extensions(char key,
                                                    std::vector<UidExtension> values) override;

  private:
    // A message as the file has it.
    struct Found {
        MboxSpan span;
        MboxMarks marks;
        bool unmarked = false;  // its UID does not stand in the file yet
    };

    // What a look at the file has found.
    struct Look {
        std::vector<Found> messages;
        std::optional<MboxBase> base;
        std::optional<MboxSpan> internal;  // the message that is none
        std::uint64_t size = 0;
    };

    // Looking (mbox_sync.cc).
    Stamps stamps_now() const override;
    [[nodiscard]] Result<KeywordFile> load_keywords() const override;
    bool relies_on_index() const override;
    [[nodiscard]] Result<void> open_file_here();
    [[nodiscard]] Task<Result<MboxLock>> lock_current();
    [[nodiscard]] Task<Result<void>> sync_locked();
    // `more`: so many UIDs are to be left for messages that are about to come.
    [[nodiscard]] Task<Result<void>> look_at_all(std::size_t more = 0);
    [[nodiscard]] static Result<Look> scan(int fd, std::uint64_t from);
    bool can_look_behind();
    [[nodiscard]] Task<Result<void>> look_behind();
    [[nodiscard]] Result<void> take_base(const Look& look);
    std::size_t uids_left() const;
    bool lacks_uids(const std::vector<Found>& found, std::uint32_t last, std::size_t more) const;
    void begin_anew();
    void give_uids(std::vector<Found>& found, std::uint32_t last);
    std::uint32_t uid_in_file(const Found& found) const;
    std::uint32_t unwritten_uid(std::uint64_t from_at) const;
    void take_over(const std::vector<Found>& found);
    void take_new(const std::vector<Found>& found);
    MailMessage& append_found(const Found& found);
    void note_recent(const std::vector<Found>& found);
    [[nodiscard]] Task<Result<void>> write_marks(std::vector<Found> found);
    bool was_empty() const;
    void set_file_known();

    // Changing (mbox_change.cc).
    [[nodiscard]] Task<Result<MboxLock>> lock_for_change();
    MboxBase wanted_base() const;
    MboxMarks marks_of(const MailMessage& message, const MboxMarks& old) const;
    [[nodiscard]] Result<MboxEdit> marking(const MailMessage& message, bool first);
    [[nodiscard]] Task<Result<void>> mark(std::vector<std::uint32_t> uids);
    [[nodiscard]] Task<Result<void>> apply(std::vector<MboxEdit> edits);
    [[nodiscard]] Task<Result<void>> write_edits(
        std::shared_ptr<const std::vector<MboxEdit>> edits);
    void shift_spans(const std::vector<MboxEdit>& edits);
    [[nodiscard]] Task<Result<void>> write_base();
    bool learn_keywords(const std::vector<std::string>& names);
    [[nodiscard]] Result<void> append_files(const std::vector<NewMessage>& added);
    [[nodiscard]] Task<Result<void>> append_synced(const std::vector<NewMessage>* added);
    [[nodiscard]] Result<std::string> appended_text(const NewMessage& message, std::uint32_t uid,
                                                    bool first) const;
    void remove_from_picture(const std::vector<std::uint32_t>& uids,
                             const std::vector<MboxEdit>& edits);

    // A change that a helper thread writes at the moment.  The picture has the old places until it
    // is done; who reads a message meanwhile waits for it.
    struct Rewriting {
        std::shared_ptr<const std::vector<MboxEdit>> edits;
        std::shared_future<bool> done;
    };

    // Sets the mark that an MboxLock is held, as long as it lives.
    class Held {
      public:
        explicit Held(bool& flag) : flag_(flag) { flag_ = true; }

        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;

        ~Held() { flag_ = false; }

      private:
        bool& flag_;
    };

    [[nodiscard]] Result<MboxSpan> span_after(const Rewriting& rewriting,
                                              const MboxSpan& span) const;
    MboxSpan span_of(const MailMessage& message) const;
    void set_span(MailMessage& message, const MboxSpan& span);

    std::string plan_path() const { return place_.index_directory() + "/relais.plan"; }

    UniqueFd file_;
    bool writable_ = false;
    bool locked_ = false;  // an MboxLock is held: reading needs none of its own
    std::optional<Rewriting> rewriting_;
    std::optional<MboxBase> base_;      // as the file has it
    std::optional<MboxSpan> internal_;  // the message that is none
    std::uint32_t next_at_look_ = 1;    // next_uid_, without what we have appended since
    bool looked_ = false;               // at all of the file: an index does not tell of internal_
};

}  // namespace relais
