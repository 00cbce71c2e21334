// How Dovecot writes tabs and line ends in its files of lines with tabs: byte 1 and a letter.
#pragma once

#include <string>
#include <string_view>

namespace relais {

[[nodiscard]] std::string tab_escape(std::string_view text);
[[nodiscard]] std::string tab_unescape(std::string_view text);

}  // namespace relais
