// Reading the text of one value: booleans, numbers, times, lists and { } groups.
// All of it is shared by main.cf, master.cf, table options and policy attributes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

inline constexpr std::string_view kListSeparators = ", \t\r\n";

// "yes" or "no" in any case.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view text);

// Decimal, with sign, in the range of int (or long).
[[nodiscard]] std::optional<int> parse_int_value(std::string_view text);
[[nodiscard]] std::optional<long> parse_long_value(std::string_view text);

// Digits and then one of s m h d w; without a letter, `unit` counts.  Only the first character
// after the digits matters, as in Postfix ("5mm" is five minutes).
[[nodiscard]] std::optional<std::chrono::seconds> parse_time(std::string_view text, char unit);

// Items between separators.  "{ ... }" keeps an item with blanks or commas in it together; the
// braces stay part of the item.  An unbalanced "{" makes the rest one item.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text,
                                                  std::string_view separators = kListSeparators);

// The length of the balanced group that `text` begins with ("{a {b}} c" -> 7); 0 if it has no end.
[[nodiscard]] std::size_t group_length(std::string_view text, char open = '{', char close = '}');

// The inside of "{ ... }" without the blanks at both ends.  The error is Postfix's text:
// missing '}' in "...", or syntax error after '}' in "...".
[[nodiscard]] Result<std::string_view> strip_braces(std::string_view text);

// "{ name = value }" or "name=value" split; what strip_braces and split_name_value do, in one.
struct Assignment {
    std::string name;
    std::string value;
};

[[nodiscard]] Result<Assignment> parse_assignment(std::string_view text);

}  // namespace relais
