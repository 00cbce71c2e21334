// JSON's strings (RFC 8259 7).
#pragma once

#include <string>
#include <string_view>

namespace relais {

// With its quotes.  Bytes that are no ASCII stay as they are: the caller sees to UTF-8.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace relais
