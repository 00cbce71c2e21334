// "1:100" and "-1:-100" of PARTIAL (RFC 9394 3.1).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "lib/imap/scanner.h"

namespace relais::imap {

// Some of a list of results: "1:100" from the front, "-1:-100" from the end.
struct PartialRange {
    std::uint32_t first = 1;  // first <= last
    std::uint32_t last = 1;
    bool from_end = false;

    std::string to_string() const;

    std::uint64_t size() const { return std::uint64_t{last} - first + 1; }

    // The part of `numbers` that it means, in their order.
    [[nodiscard]] std::span<const std::uint32_t> of(std::span<const std::uint32_t> numbers) const;
};

[[nodiscard]] std::optional<PartialRange> parse_partial_range(Scanner& scanner);

}  // namespace relais::imap
