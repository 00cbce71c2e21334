// Walks over the header of a message as it lies in the file (LF or CRLF line ends).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace relais::imap {

struct HeaderField {
    std::string_view name;   // without blanks before the colon
    std::string_view value;  // raw: folded, with its line ends inside, without the last one
    std::string_view whole;  // all of the field with its last line end
};

// The fields one after the other; stops at the empty line or at the end of the text.
class HeaderWalk {
  public:
    // What becomes of lines that are no header fields; given, they have no name and no value.
    enum class Other { kSkip, kGive };

    explicit HeaderWalk(std::string_view header, Other other = Other::kSkip)
        : left_(header), other_(other) {}

    std::optional<HeaderField> next();

  private:
    std::string_view left_;
    Other other_;
};

// What folding is made of (RFC 5322 2.2.3): no other white space.
[[nodiscard]] constexpr bool is_folding_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The first field of that name; nothing when there is none.
[[nodiscard]] std::optional<HeaderField> find_field(std::string_view header, std::string_view name);

// A value on one line: line ends are taken out and a CR without LF is a blank; trimmed at both
// ends.
[[nodiscard]] std::string unfold(std::string_view value);

// The same for responses, which show what is there: trimmed at the beginning alone, and only where
// more than blanks stand on the first line.
[[nodiscard]] std::string text_on_one_line(std::string_view value);

// Every run of blanks, tabs and line ends as one blank.
[[nodiscard]] std::string single_blanks(std::string_view text);

}  // namespace relais::imap
