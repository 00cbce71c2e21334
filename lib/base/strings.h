// Small operations on text.  All of them are ASCII: bytes above 127 are never letters or blanks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais {

inline constexpr std::string_view kBlanks = " \t\r\n\v\f";

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr bool is_alnum(char c) {
    return is_digit(c) || is_alpha(c);
}

constexpr bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

constexpr bool is_print(char c) {
    return c >= ' ' && c < 127;
}

constexpr char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr char to_upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}

[[nodiscard]] std::string lowercase(std::string_view text);
[[nodiscard]] std::string uppercase(std::string_view text);

// Compares without regard to case.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b);
[[nodiscard]] bool istarts_with(std::string_view text, std::string_view prefix);
[[nodiscard]] bool iends_with(std::string_view text, std::string_view suffix);

// Without the blanks (or any of `drop`) at both ends.
[[nodiscard]] std::string_view trim(std::string_view text, std::string_view drop = kBlanks);
[[nodiscard]] std::string_view trim_left(std::string_view text, std::string_view drop = kBlanks);
[[nodiscard]] std::string_view trim_right(std::string_view text, std::string_view drop = kBlanks);

// The words between runs of separators; no empty words.
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text,
                                                        std::string_view separators = kBlanks);

// The fields between single separators; empty fields are kept, and "" has one.
[[nodiscard]] std::vector<std::string_view> split_fields(std::string_view text, char separator);

// The parts before and after the first (or last) separator; nothing where there is none.
struct TwoParts {
    std::string_view first;
    std::string_view second;
};

[[nodiscard]] std::optional<TwoParts> split_first(std::string_view text, char separator);
[[nodiscard]] std::optional<TwoParts> split_last(std::string_view text, char separator);

[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);

// Decimal numbers: the whole text must be digits (with a sign, for parse_int), in range.
[[nodiscard]] std::optional<std::uint64_t> parse_uint(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_int(std::string_view text);
[[nodiscard]] std::optional<std::uint64_t> parse_octal(std::string_view text);

// Every byte that is not printable ASCII (or, if told, part of valid UTF-8) becomes `replacement`.
enum class Utf8 { kNo, kYes };
[[nodiscard]] std::string printable(std::string_view text, char replacement = '?',
                                    Utf8 utf8 = Utf8::kYes);

// True for well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates.
[[nodiscard]] bool is_utf8(std::string_view text);
[[nodiscard]] bool is_ascii(std::string_view text);

// Lets maps keyed by std::string be searched by std::string_view.
struct StringHash {
    using is_transparent = void;

    std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>{}(text);
    }
};

}  // namespace relais
