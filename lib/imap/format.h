// Writing values into responses: atoms, quoted strings and literals (RFC 3501 section 9).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::imap {

// A quoted string where the bytes allow it, a literal else.
void append_string(std::string& out, std::string_view value);

// The same where the client takes UTF-8 in quoted strings (RFC 6855 3).
void append_utf8_string(std::string& out, std::string_view value);

// NIL, or append_string().
void append_nstring(std::string& out, const std::optional<std::string>& value);

// An atom where possible: mailbox names.
void append_astring(std::string& out, std::string_view value);

// "(a b c)"
[[nodiscard]] std::string format_flags(const std::vector<std::string>& flags);

}  // namespace relais::imap
