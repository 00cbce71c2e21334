// The argument and the answer of UIDBATCHES (RFC 10022): "2000 1:5" asks for the first five
// batches of 2000 messages, the newest first, and "100:51,50:1" are two.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "lib/imap/scanner.h"

namespace relais::imap {

struct UidBatches {
    std::uint32_t size = 0;  // messages in each
    std::uint32_t first = 1;
    std::uint32_t last = 0xffffffff;
};

// Nothing for what is no argument of it.
[[nodiscard]] std::optional<UidBatches> parse_uid_batches(Scanner& scanner);

// `uids` ascend.  Empty where there are no such batches.
[[nodiscard]] std::string format_uid_batches(const UidBatches& wanted,
                                             std::span<const std::uint32_t> uids);

}  // namespace relais::imap
