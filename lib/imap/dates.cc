#include "lib/imap/dates.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/header_fields.h"

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

// "hh:mm:ss" in seconds.
std::optional<std::int64_t> parse_time(std::string_view text) {
    auto parts = split_fields(text, ':');
    if (parts.size() != 3) {
        return std::nullopt;
    }
    auto hour = parse_uint(parts[0]);
    auto minute = parse_uint(parts[1]);
    auto second = parse_uint(parts[2]);
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

// A single letter: J is no zone, Z is none at all, A to M are east and N to Y west of it.
std::int64_t parse_military_zone(char letter) {
    char zone = static_cast<char>(letter & ~0x20);
    if (zone < 'A' || zone >= 'Z' || zone == 'J') {
        return 0;
    }
    int hours = zone < 'J' ? zone - 'A' + 1 : zone <= 'M' ? zone - 'A' : 'M' - zone;
    return std::int64_t{3600} * hours;
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
    return text.size() == 1 ? parse_military_zone(text[0]) : 0;
}

// The words of a Date: field, with blanks and comments between them.
class DateScanner {
  public:
    explicit DateScanner(std::string_view text) : text_(text.substr(0, kLongest)) { skip_blanks(); }

    bool done() const { return at_ >= text_.size(); }

    // An atom (RFC 5322 3.2.3); empty where there is none.
    std::string_view word() {
        std::size_t begin = at_;
        while (!done() && !is_folding_blank(text_[at_]) &&
               std::string_view("()<>[]:;@\\,.\"").find(text_[at_]) == std::string_view::npos) {
            ++at_;
        }
        std::string_view found = text_.substr(begin, at_ - begin);
        skip_blanks();
        return found;
    }

    bool accept(std::string_view one_of) {
        if (done() || one_of.find(text_[at_]) == std::string_view::npos) {
            return false;
        }
        ++at_;
        skip_blanks();
        return true;
    }

  private:
    static constexpr std::size_t kLongest = 1000;

    void skip_blanks() {
        int depth = 0;
        for (; !done() && (depth > 0 || is_folding_blank(text_[at_]) || text_[at_] == '('); ++at_) {
            depth += text_[at_] == '(' ? 1 : text_[at_] == ')' ? -1 : 0;
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

// A number of so many digits.
std::optional<std::uint64_t> digits(std::string_view word, std::size_t least, std::size_t most) {
    return word.size() >= least && word.size() <= most ? parse_uint(word) : std::nullopt;
}

// Of two digits, which mean 1970 to 2069 as with Dovecot, or of four.
std::optional<std::uint64_t> header_year(std::string_view word) {
    if (auto year = digits(word, 2, 2)) {
        return *year + (*year < 70 ? 2000 : 1900);
    }
    auto year = digits(word, 4, 4);
    return year && *year >= 1900 ? year : std::nullopt;
}

// "hh:mm[:ss]" in seconds; some write dots.
std::optional<std::int64_t> header_time(DateScanner& scanner) {
    auto hour = digits(scanner.word(), 1, 2);
    auto minute = scanner.accept(":.") ? digits(scanner.word(), 2, 2) : std::nullopt;
    std::optional<std::uint64_t> second = 0;
    if (scanner.accept(":.")) {
        second = digits(scanner.word(), 2, 2);
    }
    if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(*hour * 3600 + *minute * 60 + *second);
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
    DateScanner scanner(text);
    std::string_view word = scanner.word();
    if (word.size() == 3) {  // the day of the week
        if (!scanner.accept(",")) {
            return std::nullopt;
        }
        word = scanner.word();
    }
    auto day = digits(word, 1, 2);
    auto month = parse_month(scanner.word().substr(0, 3));
    auto year = header_year(scanner.word());
    auto time = header_time(scanner);
    auto date = day && month && year && time ? day_number(*year, *month, *day) : std::nullopt;
    if (!date) {
        return std::nullopt;
    }
    std::string_view zone = scanner.word();
    if (zone.empty() && !scanner.done()) {
        return std::nullopt;
    }
    auto numeric = parse_numeric_zone(zone);
    std::int64_t offset = numeric ? *numeric : parse_named_zone(zone);
    return HeaderDate{*date * 86400 + *time - offset, *date};
}

std::int64_t day_of_sending(std::string_view header) {
    auto field = find_field(header, "Date");
    auto date = field ? parse_header_date(field->value) : std::nullopt;
    return date ? date->day : 0;
}

}  // namespace relais::imap
