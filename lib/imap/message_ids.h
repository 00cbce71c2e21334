// Message-IDs as they stand in Message-ID, References and In-Reply-To (RFC 5322 3.6.4).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace relais::imap {

// The ids in a raw value, without angle brackets, blanks, comments and quotes, so that two forms of
// one id are equal (RFC 5256 2.2).  At most `most` of them, the last ones.
[[nodiscard]] std::vector<std::string> parse_message_ids(std::string_view value, std::size_t most);

}  // namespace relais::imap
