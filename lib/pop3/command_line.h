// POP3 commands as they lie in a line.  RFC 1939 3
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais::pop3 {

// RFC 2449 4 asks for 255 octets; SASL responses and long passwords need more (RFC 5034 4).
inline constexpr std::size_t kMaxLine = 8192;

struct CommandLine {
    std::string name;            // in capitals; may be empty
    std::string_view arguments;  // as they are, without the blanks before them
};

// Of a line without its end.
[[nodiscard]] CommandLine parse_command(std::string_view line);

// Takes a decimal number off the front of `text`.  Nothing, and `text` as it was, where there is no
// digit; a number that is too large is the largest of all.
[[nodiscard]] std::optional<std::uint64_t> take_number(std::string_view& text);

}  // namespace relais::pop3
