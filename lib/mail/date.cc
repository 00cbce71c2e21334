// Dates of mail: see the header.
#include "lib/mail/date.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct ZoneName {
    std::string_view name;
    int hours;
};

// RFC 5322 4.3.  The military letters are unreliable and count as +0000.
constexpr std::array<ZoneName, 10> kZones = {{{"UT", 0},
                                              {"GMT", 0},
                                              {"EST", -5},
                                              {"EDT", -4},
                                              {"CST", -6},
                                              {"CDT", -5},
                                              {"MST", -7},
                                              {"MDT", -6},
                                              {"PST", -8},
                                              {"PDT", -7}}};

std::string zone_of(const std::tm& local) {
    const long minutes = local.tm_gmtoff / 60;
    const long size = minutes < 0 ? -minutes : minutes;
    return format("{}{:02}{:02}", minutes < 0 ? '-' : '+', size / 60, size % 60);
}

// Words of a date: comments gone, "," a blank.
std::vector<std::string> date_words(std::string_view text) {
    std::string plain;
    int depth = 0;
    for (const char c : text.substr(0, 256)) {
        if (c == '(') {
            ++depth;
        } else if (c == ')' && depth > 0) {
            --depth;
        } else if (depth == 0) {
            plain += c == ',' ? ' ' : c;
        }
    }
    std::vector<std::string> words;
    for (const auto word : split_words(plain)) {
        words.emplace_back(word);
    }
    return words;
}

std::optional<int> number_in(std::string_view text, int low, int high) {
    const auto value = parse_uint(text);
    if (!value || text.size() > 4 || *value < static_cast<unsigned>(low) ||
        *value > static_cast<unsigned>(high)) {
        return std::nullopt;
    }
    return static_cast<int>(*value);
}

std::optional<int> month_of(std::string_view name) {
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
        if (iequals(name.substr(0, 3), kMonths[i])) {
            return static_cast<int>(i) + 1;
        }
    }
    return std::nullopt;
}

std::optional<int> year_of(std::string_view text) {
    auto year = number_in(text, 0, 9999);
    if (year && text.size() <= 2) {
        year = *year + (*year < 50 ? 2000 : 1900);
    } else if (year && text.size() == 3) {
        year = *year + 1900;
    }
    return year && *year >= 1900 ? year : std::nullopt;
}

// Seconds since midnight of "hh:mm[:ss]".
std::optional<int> time_of(std::string_view text) {
    const auto fields = split_fields(text, ':');
    if (fields.size() < 2 || fields.size() > 3) {
        return std::nullopt;
    }
    const auto hour = number_in(fields[0], 0, 23);
    const auto minute = number_in(fields[1], 0, 59);
    const auto second = fields.size() == 3 ? number_in(fields[2], 0, 60) : std::optional(0);
    if (!hour || !minute || !second) {
        return std::nullopt;
    }
    return (*hour * 60 + *minute) * 60 + *second;
}

std::optional<int> zone_minutes(std::string_view text) {
    if (text.size() == 5 && (text[0] == '+' || text[0] == '-')) {
        const auto hours = number_in(text.substr(1, 2), 0, 99);
        const auto minutes = number_in(text.substr(3, 2), 0, 59);
        if (!hours || !minutes) {
            return std::nullopt;
        }
        const int offset = *hours * 60 + *minutes;
        return text[0] == '-' ? -offset : offset;
    }
    for (const auto& zone : kZones) {
        if (iequals(text, zone.name)) {
            return zone.hours * 60;
        }
    }
    return text.empty() || !is_alpha(text[0]) ? std::nullopt : std::optional(0);
}

std::optional<MailDate> make_date(std::optional<int> year, std::optional<int> month,
                                  std::optional<int> day, std::optional<int> seconds,
                                  std::optional<int> zone) {
    if (!year || !month || !day || !seconds || !zone) {
        return std::nullopt;
    }
    using namespace std::chrono;
    const year_month_day date{std::chrono::year(*year),
                              std::chrono::month(static_cast<unsigned>(*month)),
                              std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) {
        return std::nullopt;
    }
    MailDate result;
    const auto midnight = duration_cast<std::chrono::seconds>(sys_days(date).time_since_epoch());
    result.when = midnight.count() + *seconds - std::time_t{*zone} * 60;
    result.zone_minutes = *zone;
    result.year = *year;
    result.month = *month;
    result.day = *day;
    return result;
}

}  // namespace

std::string format_mail_date(std::time_t when) {
    std::tm local{};
    localtime_r(&when, &local);
    // The day and the month are English whatever the locale: no program of ours sets one.
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), "%a, %e %b %Y %H:%M:%S %z (", &local);
    return std::string(text.data()) + (local.tm_zone != nullptr ? local.tm_zone : "") + ")";
}

std::string format_imap_date(std::time_t when) {
    std::tm local{};
    localtime_r(&when, &local);
    return format("{:2}-{}-{} {:02}:{:02}:{:02} {}", local.tm_mday,
                  kMonths[static_cast<std::size_t>(local.tm_mon)], local.tm_year + 1900,
                  local.tm_hour, local.tm_min, local.tm_sec, zone_of(local));
}

std::optional<MailDate> parse_mail_date(std::string_view text) {
    auto words = date_words(text);
    if (!words.empty() && is_alpha(words[0][0])) {
        words.erase(words.begin());  // the day of the week
    }
    if (words.size() < 4) {
        return std::nullopt;
    }
    return make_date(year_of(words[2]), month_of(words[1]), number_in(words[0], 1, 31),
                     time_of(words[3]), words.size() > 4 ? zone_minutes(words[4]) : 0);
}

std::optional<MailDate> parse_imap_date(std::string_view text) {
    const auto words = split_words(text);
    if (words.empty() || words.size() == 2 || words.size() > 3) {
        return std::nullopt;
    }
    const auto fields = split_fields(words[0], '-');
    if (fields.size() != 3 || fields[1].size() != 3 || fields[2].size() != 4) {
        return std::nullopt;
    }
    const bool timed = words.size() == 3;
    return make_date(year_of(fields[2]), month_of(fields[1]), number_in(fields[0], 1, 31),
                     timed ? time_of(words[1]) : 0, timed ? zone_minutes(words[2]) : 0);
}

}  // namespace relais
