// Dates of RFC 5322 section 3.3 and of IMAP (RFC 3501 section 9), printed and read.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

// "Sat, 21 Nov 2026 07:58:18 +0000 (UTC)" in the process's time zone, the day padded with a blank.
[[nodiscard]] std::string format_mail_date(std::time_t when);

// "21-Nov-2026 07:58:18 +0000", day padded with a blank, in the process's time zone.
[[nodiscard]] std::string format_imap_date(std::time_t when);

// A moment, and the day as its own zone counted it (IMAP's SENTON and its kin compare days
// without regard to the zone).
struct MailDate {
    std::time_t when = 0;
    int zone_minutes = 0;
    int year = 0, month = 0, day = 0;  // month and day from 1
};

// RFC 5322 dates with the obsolete forms of section 4.3 (two-digit years, zone names, comments).
[[nodiscard]] std::optional<MailDate> parse_mail_date(std::string_view text);

// "21-Nov-2026 07:58:18 +0000" and "21-Nov-2026" (then midnight UTC).
[[nodiscard]] std::optional<MailDate> parse_imap_date(std::string_view text);

}  // namespace relais
