// Bytes as C would write them, for log lines that show what a peer has sent.
#pragma once

#include <string>
#include <string_view>

namespace relais {

// "\r\n" for a line end, "\\" for a backslash, "\001" for other bytes that are not printable ASCII.
[[nodiscard]] std::string escaped(std::string_view bytes);

}  // namespace relais
