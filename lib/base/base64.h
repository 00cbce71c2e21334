// Base64 (RFC 4648 section 4): standard alphabet, padding, no line breaks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

[[nodiscard]] std::string base64_encode(std::string_view bytes);

// Nothing where a byte is outside the alphabet or the padding is wrong.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace relais
