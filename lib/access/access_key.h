// The key of a mailbox with which the URLs of RFC 4467 are made and checked: random, known to
// nobody, in a file of its own beside the messages that only the user can read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

constexpr std::string_view kAccessKeyFile = "relais.urlkey";

// Nothing where there is none.
[[nodiscard]] Result<std::optional<std::string>> read_access_key(const std::string& directory);

// The one that is there, or a new one.
[[nodiscard]] Result<std::string> access_key(const std::string& directory);

// What was made with it is worth nothing any longer.
[[nodiscard]] Result<void> remove_access_key(const std::string& directory);

// What the key says to the URL, in hexadecimal digits.
[[nodiscard]] std::string access_token(std::string_view key, std::string_view rump);

}  // namespace relais
