// The collation i;unicode-casemap (RFC 5051).
#pragma once

#include <string>
#include <string_view>

namespace relais {

// What texts are compared by, byte for byte: every character in title case, taken apart.  Bytes
// that are not UTF-8 stay as they are.
[[nodiscard]] std::string unicode_casemap(std::string_view text);

}  // namespace relais
