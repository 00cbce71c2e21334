#include "lib/imap/dates.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::imap {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::optional<unsigned> parse_month(std::string_view text) {
    for (unsigned i = 0; i < kMonths.size(); ++i) {
        if (iequals(text, kMonths[i])) {
            return i + 1;
        }
    }
    return std::nullopt;
}

std::optional<std::int64_t> day_number(std::uint64_t year, unsigned month, std::uint64_t day) {
    if (year > 9999 || day > 31) {
        return std::nullopt;
    }
    std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                     std::chrono::month(month),
                                     std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) {
        return std::nullopt;
    }
    return std::chrono::sys_days(date).time_since_epoch().count();
}

// "hh:mm:ss", or "hh:mm" in headers, in seconds.
std::optional<std::int64_t> parse_time(std::string_view text) {
    auto parts = split_fields(text, ':');
    if (parts.size() < 2 || parts.size() > 3) {
        return std::nullopt;
    }
    auto hour = parse_uint(parts[0]);
    auto minute = parse_uint(parts[1]);
    auto second = parts.size() == 3 ? parse_uint(parts[2]) : std::optional<std::uint64_t>(0);
    if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(*hour * 3600 + *minute * 60 + *second);
}

// "+0130" in seconds.
std::optional<std::int64_t> parse_numeric_zone(std::string_view text) {
    if (text.size() != 5 || (text[0] != '+' && text[0] != '-')) {
        return std::nullopt;
    }
    auto digits = parse_uint(text.substr(1));
    if (!digits || *digits % 100 > 59) {
        return std::nullopt;
    }
    auto seconds = static_cast<std::int64_t>((*digits / 100) * 3600 + (*digits % 100) * 60);
    return text[0] == '-' ? -seconds : seconds;
}

// RFC 5322 4.3: the zones that still have a meaning; all others count as -0000.
std::int64_t parse_named_zone(std::string_view text) {
    struct Zone {
        std::string_view name;
        int hours;
    };

    constexpr std::array<Zone, 8> kZones = {{{"EST", -5},
                                             {"EDT", -4},
                                             {"CST", -6},
                                             {"CDT", -5},
                                             {"MST", -7},
                                             {"MDT", -6},
                                             {"PST", -8},
                                             {"PDT", -7}}};
    for (const Zone& zone : kZones) {
        if (iequals(text, zone.name)) {
            return std::int64_t{3600} * zone.hours;
        }
    }
    return 0;
}

std::string without_comments(std::string_view text) {
    std::string out;
    int depth = 0;
    for (char c : text.substr(0, 1000)) {
        if (c == '(') {
            ++depth;
        } else if (c == ')' && depth > 0) {
            --depth;
            out += ' ';
        } else if (depth == 0) {
            out += c == ',' ? ' ' : c;
        }
    }
    return out;
}

// RFC 5322 4.3: years of two digits, and of three.
std::uint64_t full_year(std::string_view text, std::uint64_t year) {
    if (text.size() == 2) {
        return year < 50 ? year + 2000 : year + 1900;
    }
    return text.size() == 3 ? year + 1900 : year;
}

}  // namespace

std::optional<std::int64_t> parse_search_day(std::string_view text) {
    auto parts = split_fields(text, '-');
    if (parts.size() != 3 || parts[0].size() > 2 || parts[2].size() != 4) {
        return std::nullopt;
    }
    auto day = parse_uint(parts[0]);
    auto month = parse_month(parts[1]);
    auto year = parse_uint(parts[2]);
    return day && month && year ? day_number(*year, *month, *day) : std::nullopt;
}

std::optional<std::int64_t> parse_internal_date(std::string_view text) {
    auto words = split_words(text);
    if (words.size() != 3) {
        return std::nullopt;
    }
    auto day = parse_search_day(words[0]);
    auto time = parse_time(words[1]);
    auto zone = parse_numeric_zone(words[2]);
    if (!day || !time || !zone) {
        return std::nullopt;
    }
    return *day * 86400 + *time - *zone;
}

std::string format_internal_date(std::int64_t time) {
    std::time_t when = time;
    std::tm local{};
    ::localtime_r(&when, &local);
    long minutes = local.tm_gmtoff / 60;
    return format("{:02}-{}-{:04} {:02}:{:02}:{:02} {}{:02}{:02}", local.tm_mday,
                  kMonths[static_cast<std::size_t>(local.tm_mon)], local.tm_year + 1900,
                  local.tm_hour, local.tm_min, local.tm_sec, minutes < 0 ? '-' : '+',
                  std::labs(minutes) / 60, std::labs(minutes) % 60);
}

std::int64_t local_day(std::int64_t time) {
    std::time_t when = time;
    std::tm local{};
    ::localtime_r(&when, &local);
    std::int64_t shifted = time + local.tm_gmtoff;
    return shifted >= 0 ? shifted / 86400 : (shifted - 86399) / 86400;
}

std::optional<HeaderDate> parse_header_date(std::string_view text) {
    std::string plain = without_comments(text);
    auto words = split_words(plain);
    std::size_t at = !words.empty() && !is_digit(words[0][0]) ? 1 : 0;  // day of the week
    if (words.size() < at + 4) {
        return std::nullopt;
    }
    auto day = parse_uint(words[at]);
    auto month = parse_month(words[at + 1].substr(0, 3));
    auto year = parse_uint(words[at + 2]);
    auto time = parse_time(words[at + 3]);
    if (!day || !month || !year || !time) {
        return std::nullopt;
    }
    auto date = day_number(full_year(words[at + 2], *year), *month, *day);
    if (!date) {
        return std::nullopt;
    }
    std::int64_t offset = 0;
    if (words.size() > at + 4) {
        auto numeric = parse_numeric_zone(words[at + 4]);
        offset = numeric ? *numeric : parse_named_zone(words[at + 4]);
    }
    return HeaderDate{*date * 86400 + *time - offset, *date};
}

}  // namespace relais::imap
