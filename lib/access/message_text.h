// What SEARCH TEXT and BODY look through (RFC 3501 6.4.4): decoded header fields, and parts that
// are text, in UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/imap/mime_tree.h"

namespace relais {

// What is looked for: unicode_casemap() of a client's string.
struct SoughtText {
    enum class Where { kBody, kEverywhere };
    Where where = Where::kEverywhere;
    std::string folded;
};

// One message; for several texts it is taken apart once.
class MessageText {
  public:
    // `file` must outlive this.
    explicit MessageText(std::string_view file) : file_(file) {}

    // Every message contains the empty text.
    [[nodiscard]] bool contains(const SoughtText& sought);

  private:
    bool body_contains(const imap::MimePart& part, const SoughtText& sought) const;
    bool part_contains(const imap::MimePart& part, const std::string& folded) const;

    std::string_view file_;
    std::optional<imap::MimePart> root_;
};

// The header of a message, with the empty line at its end.
[[nodiscard]] std::string_view header_of(std::string_view message);

// Whether the folded text is in this one.
[[nodiscard]] bool text_contains(std::string_view text, const std::string& folded);

}  // namespace relais
