// Hexadecimal digits, by themselves and in escapes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

// -1 for what is no hexadecimal digit.
[[nodiscard]] int hex_value(char c);

// In lower case.
[[nodiscard]] std::string hex_encode(std::string_view bytes);

// Nothing where a byte is no hexadecimal digit or one is missing.
[[nodiscard]] std::optional<std::string> hex_decode(std::string_view text);

// `mark` and two digits stand for a byte: '%' in URLs (RFC 3986 2.1), '+' in xtext (RFC 3461 4).
// Nothing where digits are missing.
[[nodiscard]] std::optional<std::string> decode_hex_escapes(std::string_view text, char mark);

}  // namespace relais
