// Whether a message meets the criteria of SEARCH.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/message_facts.h"
#include "lib/access/message_file.h"
#include "lib/access/selected.h"
#include "lib/access/text_search.h"
#include "lib/imap/search_key.h"
#include "lib/store/email_ids.h"

namespace relais {

class SearchMatch {
  public:
    // Prepares the key for this mailbox: sets resolved, texts folded, cheap criteria first.
    SearchMatch(Selected& selected, imap::SearchKey key);

    // False where the sets of numbers that all of the key depends on leave the message out: it need
    // not be looked at.
    [[nodiscard]] bool considers(std::uint32_t sequence, std::uint32_t uid) const;

    // `answers`: to texts(), where somebody has looked already.
    [[nodiscard]] bool matches(std::uint32_t sequence, const MailMessage& message,
                               const std::optional<TextAnswers>& answers = std::nullopt);

    // Nothing where only the texts can decide.
    [[nodiscard]] std::optional<bool> matches_without_texts(std::uint32_t sequence,
                                                            const MailMessage& message);

    // What TEXT and BODY look for.
    const std::vector<SoughtText>& texts() const { return sought_; }

  private:
    enum class Pass { kWithoutTexts, kWhole };

    void prepare(imap::SearchKey& key);
    void begin(std::uint32_t sequence, const MailMessage& message, Pass pass);
    bool test(const imap::SearchKey& key);
    bool test_flag(const imap::SearchKey& key) const;
    bool test_date(const imap::SearchKey& key);
    bool test_header(const imap::SearchKey& key);
    bool test_text(const imap::SearchKey& key);
    std::string_view header_for(std::string_view field);
    bool load_file();

    Selected& selected_;
    imap::SearchKey key_;  // in BODY and TEXT, `number` is the place in sought_
    std::vector<SoughtText> sought_;
    std::int64_t now_;
    EmailIds ids_;
    // The message at hand, as far as it was needed.
    const MailMessage* message_ = nullptr;
    std::uint32_t sequence_ = 0;
    std::optional<MessageFile> file_;
    bool file_failed_ = false;
    std::optional<MessageText> text_;
    Pass pass_ = Pass::kWhole;
    bool text_asked_ = false;
    const TextAnswers* answers_ = nullptr;
};

}  // namespace relais
