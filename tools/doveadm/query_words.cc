#include "tools/doveadm/query_words.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/dates.h"

namespace relais::doveadm {

namespace {

// "2023-11-14"
std::optional<std::int64_t> parse_iso_day(std::string_view text) {
    auto parts = split_fields(text, '-');
    bool shaped =
        parts.size() == 3 && parts[0].size() == 4 && parts[1].size() == 2 && parts[2].size() == 2;
    auto year = shaped ? parse_uint(parts[0]) : std::nullopt;
    auto month = shaped ? parse_uint(parts[1]) : std::nullopt;
    auto day = shaped ? parse_uint(parts[2]) : std::nullopt;
    if (!year || !month || !day || *month < 1 || *month > 12 || *day < 1 || *day > 31) {
        return std::nullopt;
    }
    std::tm when{};
    when.tm_year = static_cast<int>(*year) - 1900;
    when.tm_mon = static_cast<int>(*month) - 1;
    when.tm_mday = static_cast<int>(*day);
    when.tm_isdst = -1;
    return std::mktime(&when);
}

// "1-Feb-1994", in the local time zone
std::optional<std::int64_t> parse_imap_day(std::string_view text) {
    constexpr std::int64_t kDay = 86400;
    auto day = imap::parse_search_day(text);
    if (!day) {
        return std::nullopt;
    }
    std::time_t there = *day * kDay;
    std::tm when{};
    ::gmtime_r(&there, &when);
    when.tm_isdst = -1;
    return std::mktime(&when);
}

std::optional<std::int64_t> parse_interval(std::string_view text) {
    struct Unit {
        std::string_view name;  // or the beginning of it
        std::int64_t seconds;
    };

    constexpr std::array<Unit, 5> kUnits = {
        {{"secs", 1}, {"mins", 60}, {"hours", 3600}, {"days", 86400}, {"weeks", 604800}}};
    auto end = text.find_first_not_of("0123456789");
    auto count = end == std::string_view::npos ? std::nullopt : parse_uint(text.substr(0, end));
    if (!count || *count > 1'000'000'000) {
        return std::nullopt;
    }
    std::string unit = lowercase(trim(text.substr(end)));
    for (const Unit& each : kUnits) {
        if (!unit.empty() && each.name.starts_with(unit)) {
            return static_cast<std::int64_t>(*count) * each.seconds;
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<QueryDate> parse_query_date(std::string_view text, std::int64_t now) {
    auto day = parse_iso_day(text);
    day = day ? day : parse_imap_day(text);
    if (day) {
        return QueryDate{*day, true};
    }
    if (auto seconds = parse_uint(text)) {
        return QueryDate{static_cast<std::int64_t>(*seconds), false};
    }
    auto ago = parse_interval(text);
    return ago ? std::optional(QueryDate{now - *ago, false}) : std::nullopt;
}

Result<std::uint64_t> parse_query_size(std::string_view text) {
    constexpr std::string_view kUnits = "bkmgt";
    auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    auto count = parse_uint(text.substr(0, end));
    end = std::min(text.find_first_not_of(' ', end), text.size());
    const std::string unit = lowercase(text.substr(end));
    auto power = unit.empty() ? 0 : kUnits.find(unit[0]);
    // "k", "ki", "kb" and "kib" are the same.
    std::string_view suffix = std::string_view(unit).substr(std::min<std::size_t>(unit.size(), 1));
    bool of_units = power > 0 && (suffix == "i" || suffix == "b" || suffix == "ib");
    if (!count || power == std::string_view::npos || !(suffix.empty() || of_units)) {
        return fail(Errc::kSyntax, format("Invalid size: {}", printable(text)));
    }
    if (*count > UINT64_MAX >> (10 * power)) {
        return fail(Errc::kSyntax, format("Size is too large: {}", printable(text)));
    }
    return *count << (10 * power);
}

}  // namespace relais::doveadm
