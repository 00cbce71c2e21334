// "*" and "?" as in the shell, where a slash is a character like others.
#pragma once

#include <string_view>

namespace relais {

[[nodiscard]] bool wildcard_matches(std::string_view mask, std::string_view text);

}  // namespace relais
