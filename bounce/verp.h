// Variable envelope return paths: a sender address that names the recipient.
#pragma once

#include <string>
#include <string_view>

#include "lib/queue/delivery_log.h"

namespace relais::bounce {

// "owner@a.example" for "user@b.example" with "+=" gives "owner+user=b.example@a.example".
// `delimiters` has two characters.
[[nodiscard]] std::string verp_address(std::string_view sender, const LogEntry& entry,
                                       std::string_view delimiters);

// Two characters of verp_delimiter_filter.
[[nodiscard]] bool valid_verp_delimiters(std::string_view delimiters);

}  // namespace relais::bounce
