// Folding of the long lines of a notification.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais::bounce {

// Breaks a text at blanks so that the first line has at most 79 bytes and the others, which begin
// with four blanks, too.  A longer word stays whole.
[[nodiscard]] std::vector<std::string> wrap_line(std::string_view text);

}  // namespace relais::bounce
