// A mailbox of Dovecot's sdbox or mdbox, as it is: to be read when a user's mail is brought over.
// UIDs, flags and keywords come from Dovecot's index, messages from u.UID or, by mdbox's map, from
// m.NUMBER.  Nothing can be changed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/store/dbox_file.h"
#include "lib/store/mail_location.h"
#include "lib/store/mailbox.h"

namespace relais {

// Where messages of mdbox lie, which all mailboxes share.
struct MdboxStorage {
    std::string directory;    // m.NUMBER
    std::string alternative;  // the same elsewhere; may be empty
    std::string map;          // dovecot.map.index
};

class DboxMailbox : public Mailbox {
  public:
    // place.directory has u.UID, `indexes` dovecot.index; `storage` is of mdbox, else empty.
    // `alternative` is where sdbox may have u.UID as well.
    DboxMailbox(MailboxPlace place, std::string indexes, MdboxStorage storage,
                std::string alternative)
        : Mailbox(std::move(place)),
          indexes_(std::move(indexes)),
          storage_(std::move(storage)),
          alternative_(std::move(alternative)) {}

    [[nodiscard]] Task<Result<void>> sync(MailboxAccess access) override;
    [[nodiscard]] Result<StoredMessage> read(const MailMessage& message) override;
    Reading reading(const MailMessage& message) override;
    [[nodiscard]] Result<MessageTimes> times_of(const MailMessage& message) override;

    std::optional<std::uint64_t> known_size(const MailMessage& /*message*/,
                                            MessageSize /*which*/) const override {
        return std::nullopt;
    }

    std::uint64_t stored_size(const MailMessage& message) const override;
    std::string base_name(const MailMessage& message) const override;
    const std::vector<std::string>& more_keywords_of(const MailMessage& message) const override;
    std::string path_of(const MailMessage& message) const override;

    std::string staging_directory() const override { return place_.directory; }

    bool can_link_to(const Mailbox& /*other*/) const override { return false; }

    std::vector<Watched> watched() const override { return {}; }

    [[nodiscard]] Task<Result<FlagOutcome>> change_flags(
        std::vector<std::uint32_t> uids, FlagChange how, std::uint8_t system,
        std::vector<std::string> keywords = {}, std::uint64_t unchanged_since = kWhatever) override;
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> expunge(
        std::vector<std::uint32_t> uids) override;
    [[nodiscard]] Task<Result<std::vector<std::uint32_t>>> add(
        std::vector<NewMessage> added) override;
    [[nodiscard]] Result<std::vector<UidListEntry>> extended_entries() const override;
    [[nodiscard]] Task<Result<void>> set_extensions(char key,
                                                    std::vector<UidExtension> values) override;

  private:
    // Where a message lies.
    struct Spot {
        std::uint32_t file = 0;  // of mdbox
        std::uint32_t offset = 0;
    };

    Stamps stamps_now() const override;

    [[nodiscard]] Result<KeywordFile> load_keywords() const override { return KeywordFile(); }

    [[nodiscard]] Result<void> load();
    [[nodiscard]] Result<void> load_without_index();
    [[nodiscard]] Result<DboxMessage> look_at(const MailMessage& message, DboxText text) const;

    std::string indexes_;
    MdboxStorage storage_;
    std::string alternative_;
    std::map<std::uint32_t, std::vector<std::string>> more_;  // keywords beyond 26, by UID
};

}  // namespace relais
