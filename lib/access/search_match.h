// Whether a message meets the criteria of SEARCH.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/access/message_facts.h"
#include "lib/access/selected.h"
#include "lib/imap/mime_tree.h"
#include "lib/imap/search_key.h"
#include "lib/store/email_ids.h"

namespace relais {

class SearchMatch {
  public:
    // Prepares the key for this mailbox: sets resolved, texts folded, cheap criteria first.
    SearchMatch(Selected& selected, imap::SearchKey key);

    [[nodiscard]] bool matches(std::uint32_t sequence, const MailMessage& message);

  private:
    void prepare(imap::SearchKey& key);
    bool test(const imap::SearchKey& key);
    bool test_flag(const imap::SearchKey& key) const;
    bool test_date(const imap::SearchKey& key);
    bool test_header(const imap::SearchKey& key);
    bool test_text(const imap::SearchKey& key);
    bool body_contains(const imap::MimePart& part, const std::string& text);
    bool part_contains(const imap::MimePart& part, const std::string& text);
    std::string_view header_for(std::string_view field);
    bool load_file();
    const imap::MimePart& structure();

    Selected& selected_;
    imap::SearchKey key_;
    std::int64_t now_;
    EmailIds ids_;
    // The message at hand, as far as it was needed.
    const MailMessage* message_ = nullptr;
    std::uint32_t sequence_ = 0;
    std::optional<MessageFile> file_;
    bool file_failed_ = false;
    std::optional<imap::MimePart> root_;
};

}  // namespace relais
