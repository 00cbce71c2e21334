#include "lib/imap/scanner.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais::imap {

bool is_atom_char(char c) {
    return is_print(c) && std::string_view("(){ %*\"\\]").find(c) == std::string_view::npos;
}

bool is_astring_char(char c) {
    return is_atom_char(c) || c == ']';
}

template <class Predicate>
std::string_view Scanner::take_while(Predicate predicate) {
    std::size_t start = at_;
    while (at_ < text_.size() && predicate(text_[at_])) {
        ++at_;
    }
    return text_.substr(start, at_ - start);
}

std::size_t Scanner::behind_blanks(std::size_t at) const {
    return std::min(text_.find_first_not_of(' ', at), text_.size());
}

// Blanks inside of a parenthesis, and several in a row, are common mistakes of clients.
bool Scanner::accept(char c) {
    std::size_t at = c == ')' ? behind_blanks(at_) : at_;
    if (at == text_.size() || text_[at] != c) {
        return false;
    }
    at_ = c == '(' ? behind_blanks(at + 1) : at + 1;
    return true;
}

bool Scanner::space() {
    std::size_t next = behind_blanks(at_);
    if (next == at_ || next == text_.size() || text_[next] == ')') {
        return false;
    }
    at_ = next;
    return true;
}

bool Scanner::accept_word(std::string_view word) {
    if (!istarts_with(rest(), word)) {
        return false;
    }
    std::size_t end = at_ + word.size();
    if (end < text_.size() && is_atom_char(text_[end]) && is_alnum(word.back())) {
        return false;
    }
    at_ = end;
    return true;
}

std::optional<std::string_view> Scanner::atom() {
    std::string_view found = take_while(is_atom_char);
    return found.empty() ? std::nullopt : std::optional(found);
}

std::optional<std::string> Scanner::quoted() {
    std::string value;
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
        char c = text_[i];
        if (c == '"') {
            at_ = i + 1;
            return value;
        }
        if (c == '\\' && ++i == text_.size()) {
            return std::nullopt;
        }
        if (c == '\r' || c == '\n' || c == '\0') {
            return std::nullopt;
        }
        value += text_[i];
    }
    return std::nullopt;
}

std::optional<std::string> Scanner::literal() {
    auto close = text_.find('}', at_);
    if (close == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view digits = text_.substr(at_ + 1, close - at_ - 1);
    if (digits.ends_with('+') || digits.ends_with('-')) {
        digits.remove_suffix(1);
    }
    auto size = parse_uint(digits);
    std::size_t start = close + 1;
    if (text_.substr(start).starts_with("\r\n")) {
        start += 2;
    } else if (text_.substr(start).starts_with('\n')) {
        start += 1;
    } else {
        return std::nullopt;
    }
    if (!size || *size > text_.size() - start) {
        return std::nullopt;
    }
    at_ = start + *size;
    return std::string(text_.substr(start, *size));
}

std::optional<std::string> Scanner::string() {
    if (peek() == '"') {
        return quoted();
    }
    return peek() == '{' ? literal() : std::nullopt;
}

std::optional<std::string> Scanner::astring() {
    if (peek() == '"' || peek() == '{') {
        return string();
    }
    // Bytes above 127 are no atom characters, but clients do send them.
    std::string_view found = take_while(
        [](char c) { return is_astring_char(c) || static_cast<unsigned char>(c) > 127; });
    return found.empty() ? std::nullopt : std::optional(std::string(found));
}

std::optional<Scanner::NString> Scanner::nstring() {
    if (accept_word("NIL")) {
        return NString();
    }
    auto value = string();
    return value ? std::optional(NString{std::move(value)}) : std::nullopt;
}

std::optional<std::string> Scanner::mailbox() {
    if (peek() == '"' || peek() == '{') {
        return string();
    }
    std::string_view found = take_while([](char c) {
        return is_astring_char(c) || c == '%' || c == '*' || static_cast<unsigned char>(c) > 127;
    });
    return found.empty() ? std::nullopt : std::optional(std::string(found));
}

std::optional<std::uint64_t> Scanner::number64() {
    std::size_t start = at_;
    auto value = parse_uint(take_while(is_digit));
    if (!value) {
        at_ = start;
    }
    return value;
}

std::optional<std::uint32_t> Scanner::number() {
    std::size_t start = at_;
    auto value = number64();
    if (!value || *value > 0xffffffff) {
        at_ = start;
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(*value);
}

std::optional<std::string_view> Scanner::sequence_text() {
    std::string_view found =
        take_while([](char c) { return is_digit(c) || c == '*' || c == ':' || c == ','; });
    return found.empty() ? std::nullopt : std::optional(found);
}

std::optional<std::string> Scanner::flag() {
    std::size_t start = at_;
    std::string value = accept('\\') ? "\\" : "";
    auto name = atom();
    if (!name) {
        at_ = start;
        return std::nullopt;
    }
    return value += *name;
}

std::optional<std::vector<std::string>> Scanner::flag_list(Parentheses parentheses) {
    std::size_t start = at_;
    bool open = accept('(');
    std::vector<std::string> flags;
    if (!open && parentheses == Parentheses::kNeeded) {
        return std::nullopt;
    }
    if (open && accept(')')) {
        return flags;
    }
    do {
        auto next = flag();
        if (!next) {
            at_ = start;
            return std::nullopt;
        }
        flags.push_back(std::move(*next));
    } while (space());
    if (open && !accept(')')) {
        at_ = start;
        return std::nullopt;
    }
    return flags;
}

}  // namespace relais::imap
