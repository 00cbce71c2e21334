// How dates, intervals and sizes are written in queries.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais::doveadm {

// A moment, or a whole day of the local time zone.
struct QueryDate {
    std::int64_t time = 0;  // of a day: its begin
    bool is_day = false;
};

// "2023-11-14", "14-Nov-2023", seconds since 1970, or an interval before now: "15d", "2 weeks".
[[nodiscard]] std::optional<QueryDate> parse_query_date(std::string_view text, std::int64_t now);

// "100", "1k", "10 MiB" in bytes.  The error, kSyntax, says "Invalid size: " or "Size is too large:
// " and what was given.
[[nodiscard]] Result<std::uint64_t> parse_query_size(std::string_view text);

}  // namespace relais::doveadm
