// Takes the tokens of a command one after the other (RFC 3501 section 9).  The text is a whole
// command with its literals in place ("{3}\r\nabc").  A function that does not find what it is
// after returns nothing and leaves the position where it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::imap {

[[nodiscard]] bool is_atom_char(char c);
// ATOM-CHAR or "]".
[[nodiscard]] bool is_astring_char(char c);

class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    // Blanks at the end count for nothing.
    bool at_end() const { return behind_blanks(at_) == text_.size(); }

    std::string_view rest() const { return text_.substr(at_); }

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    // With the blanks behind "(" and before ")".
    bool accept(char c);
    // The word, without regard to case, and not as the beginning of a longer atom.
    bool accept_word(std::string_view word);

    // Over the blanks between two arguments.
    bool space();

    std::optional<std::string_view> atom();
    // Quoted string or literal.
    std::optional<std::string> string();
    std::optional<std::string> astring();

    // The same, or NIL.
    struct NString {
        std::optional<std::string> value;
    };

    std::optional<NString> nstring();
    // A mailbox, or a pattern for some: atoms may hold wildcards.
    std::optional<std::string> mailbox();
    std::optional<std::uint32_t> number();
    std::optional<std::uint64_t> number64();
    // The characters of a sequence set; not checked further.
    std::optional<std::string_view> sequence_text();
    // "\Seen" or a keyword.
    std::optional<std::string> flag();
    // "(\Seen $Junk)" or "()"; with `bare`, also flags without parentheses.
    enum class Parentheses { kNeeded, kOptional };
    std::optional<std::vector<std::string>> flag_list(Parentheses parentheses);

  private:
    std::size_t behind_blanks(std::size_t at) const;
    std::optional<std::string> quoted();
    std::optional<std::string> literal();
    template <class Predicate>
    std::string_view take_while(Predicate predicate);

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace relais::imap
