// Encoded words (RFC 2047): text of another character set in header fields.
#pragma once

#include <string>
#include <string_view>

namespace relais {

// `text`, which is in `charset`, as one or more encoded words with blanks between them, fit for a
// phrase or a comment; no word longer than 75 characters (section 2), none ends within a character
// of UTF-8.  Q or B, whichever is shorter.
[[nodiscard]] std::string encoded_words(std::string_view text, std::string_view charset);

}  // namespace relais
