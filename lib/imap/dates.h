// The dates of IMAP: INTERNALDATE, the days of SEARCH, and the Date: header that SENTSINCE reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais::imap {

// "17-Jul-1996 02:44:25 -0700" (RFC 3501 date-time; the day may have a leading blank).
[[nodiscard]] std::optional<std::int64_t> parse_internal_date(std::string_view text);

// The same form, in the local time zone.
[[nodiscard]] std::string format_internal_date(std::int64_t time);

// "1-Feb-1994" as the number of days since 1970-01-01.
[[nodiscard]] std::optional<std::int64_t> parse_search_day(std::string_view text);

// The day on which `time` falls in the local time zone.
[[nodiscard]] std::int64_t local_day(std::int64_t time);

// A Date: header (RFC 5322 3.3 and its obsolete forms).  `day` is the day as written, whatever
// the zone: RFC 3501 6.4.4 compares SENT* that way.
struct HeaderDate {
    std::int64_t time = 0;
    std::int64_t day = 0;
};

[[nodiscard]] std::optional<HeaderDate> parse_header_date(std::string_view text);

// For SENT*: what a message says in its header.  One that has no date, or none that can be read,
// counts as sent on the first day there is, 0, as with Dovecot.
[[nodiscard]] std::int64_t day_of_sending(std::string_view header);

}  // namespace relais::imap
