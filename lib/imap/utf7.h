// Mailbox names in modified UTF-7, as they stand on the wire and in Maildir++ (RFC 3501 5.1.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais::imap {

// Nothing where the text is not valid modified UTF-7.
[[nodiscard]] std::optional<std::string> utf7_to_utf8(std::string_view name);

// Nothing where the text is not valid UTF-8.
[[nodiscard]] std::optional<std::string> utf8_to_utf7(std::string_view name);

}  // namespace relais::imap
