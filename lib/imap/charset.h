// Text in any character set and transfer encoding, in UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace relais::imap {

[[nodiscard]] bool is_known_charset(std::string_view name);

// Whether text of ASCII alone is the same in this character set: not so in ISO-2022-JP.
[[nodiscard]] bool keeps_ascii(std::string_view charset);

// Bytes that do not fit the character set, and unknown sets, become "?" or stay when UTF-8.
[[nodiscard]] std::string to_utf8(std::string_view text, std::string_view charset);

// Quoted-printable and base64 bodies; other encodings are left as they are (RFC 2045 6).
[[nodiscard]] std::string decode_transfer(std::string_view body, std::string_view encoding);

// Header text with its encoded words (RFC 2047) in UTF-8.
[[nodiscard]] std::string decode_header(std::string_view text);

}  // namespace relais::imap
