#include "lib/store/mbox_format.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/header_fields.h"
#include "lib/store/maildir_name.h"

namespace relais {

namespace {

constexpr std::size_t kSpare = 40;                    // blanks for marks to come
constexpr std::size_t kMaxNames = 1000;               // of keywords
constexpr std::uint32_t kLastSensibleUid = 1U << 31;  // a stranger may have written the field

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct StatusLetter {
    char letter;
    std::uint8_t flag;
};

constexpr std::array<StatusLetter, 4> kStatusLetters = {{{'A', MessageFlags::kAnswered},
                                                         {'F', MessageFlags::kFlagged},
                                                         {'D', MessageFlags::kDeleted},
                                                         {'T', MessageFlags::kDraft}}};

enum class Field {
    kOther,
    kStatus,
    kXStatus,
    kKeywords,
    kUid,
    kBase,
    kInternal,
    kContentLength,
    kTrace
};

// Clients see it.
bool is_mail(Field field) {
    return field == Field::kOther || field == Field::kTrace;
}

Field field_of(std::string_view name) {
    struct Known {
        std::string_view name;
        Field field;
    };

    constexpr std::array<Known, 10> kKnown = {{{"Status", Field::kStatus},
                                               {"X-Status", Field::kXStatus},
                                               {"X-Keywords", Field::kKeywords},
                                               {"X-UID", Field::kUid},
                                               {"X-IMAPbase", Field::kBase},
                                               {"X-IMAP", Field::kInternal},
                                               {"Content-Length", Field::kContentLength},
                                               {"Received", Field::kTrace},
                                               {"Return-Path", Field::kTrace},
                                               {"Delivered-To", Field::kTrace}}};
    for (const Known& known : kKnown) {
        if (iequals(name, known.name)) {
            return known.field;
        }
    }
    return Field::kOther;
}

std::optional<int> number_in(std::string_view text, std::uint64_t least, std::uint64_t most) {
    auto number = text.size() <= 4 ? parse_uint(text) : std::nullopt;
    return number && *number >= least && *number <= most ? std::optional(static_cast<int>(*number))
                                                         : std::nullopt;
}

bool parse_clock(std::string_view text, std::tm& time) {
    auto parts = split_fields(text, ':');
    if (parts.size() != 2 && parts.size() != 3) {
        return false;
    }
    auto hour = number_in(parts[0], 0, 23);
    auto minute = number_in(parts[1], 0, 59);
    auto second = parts.size() == 3 ? number_in(parts[2], 0, 60) : std::optional(0);
    if (!hour || !minute || !second) {
        return false;
    }
    time.tm_hour = *hour;
    time.tm_min = *minute;
    time.tm_sec = *second;
    return true;
}

// "+0200" in seconds.
std::optional<std::int64_t> parse_zone(std::string_view text) {
    bool form = text.size() == 5 && (text[0] == '+' || text[0] == '-');
    auto number = form ? parse_uint(text.substr(1)) : std::nullopt;
    if (!number || *number % 100 > 59 || *number > 1400) {
        return std::nullopt;
    }
    auto seconds = static_cast<std::int64_t>(*number / 100 * 3600 + *number % 100 * 60);
    return text[0] == '-' ? -seconds : seconds;
}

// "Mon Nov 6 10:00:00 2023", with a zone before or behind the year.
std::optional<std::int64_t> parse_date(const std::vector<std::string_view>& words, std::size_t at) {
    if (at + 4 >= words.size() || words[at].size() != 3 ||
        !std::ranges::all_of(words[at], is_alpha)) {
        return std::nullopt;
    }
    std::tm time{};
    const auto* month = std::ranges::find(kMonths, words[at + 1]);
    auto day = number_in(words[at + 2], 1, 31);
    if (month == kMonths.end() || !day || !parse_clock(words[at + 3], time)) {
        return std::nullopt;
    }
    time.tm_mon = static_cast<int>(month - kMonths.begin());
    time.tm_mday = *day;
    time.tm_isdst = -1;
    std::size_t year_at = at + 4;
    auto year = number_in(words[year_at], 1900, 9999);
    std::optional<std::int64_t> zone;
    if (!year && year_at + 1 < words.size()) {
        zone = parse_zone(words[year_at]);
        year = number_in(words[++year_at], 1900, 9999);
    } else if (year_at + 1 < words.size()) {
        zone = parse_zone(words[year_at + 1]);
    }
    if (!year) {
        return std::nullopt;
    }
    time.tm_year = *year - 1900;
    return zone ? std::int64_t{::timegm(&time)} - *zone : std::int64_t{::mktime(&time)};
}

MboxBase parse_base(std::string_view value, bool internal) {
    MboxBase base;
    base.internal = internal;
    auto words = split_words(value);
    if (words.size() < 2) {
        return base;
    }
    auto validity = parse_uint(words[0]);
    auto last = parse_uint(words[1]);
    if (validity && *validity <= 0xffffffff && last && *last <= kLastMboxUid) {
        base.uid_validity = static_cast<std::uint32_t>(*validity);
        base.last_uid = static_cast<std::uint32_t>(*last);
    }
    for (std::size_t i = 2; i < std::min(words.size(), kMaxNames); ++i) {
        base.keywords.emplace_back(words[i]);
    }
    return base;
}

void take_field(MboxHeader& parsed, Field field, std::string_view value) {
    switch (field) {
        case Field::kStatus:
            parsed.marks.system |= value.contains('R') ? MessageFlags::kSeen : 0;
            parsed.marks.old |= value.contains('O') || value.contains('R');
            break;
        case Field::kXStatus:
            for (const StatusLetter& each : kStatusLetters) {
                parsed.marks.system |= value.contains(each.letter) ? each.flag : 0;
            }
            break;
        case Field::kKeywords:
            for (std::string_view word : split_words(value)) {
                if (parsed.marks.keywords.size() < kMaxNames) {
                    parsed.marks.keywords.emplace_back(word);
                }
            }
            break;
        case Field::kUid: {
            auto uid = parse_uint(trim(value));
            parsed.marks.uid =
                uid && *uid < kLastSensibleUid ? static_cast<std::uint32_t>(*uid) : 0;
            break;
        }
        case Field::kBase:
        case Field::kInternal:
            parsed.base = parse_base(value, field == Field::kInternal);
            break;
        case Field::kContentLength:
            parsed.content_length = parse_uint(trim(value));
            break;
        case Field::kTrace:
            parsed.travelled = true;
            break;
        case Field::kOther:
            break;
    }
}

// Calls `keep` for the lines of each field, and for the empty line.
template <class Keep>
std::string filtered(std::string_view header, Keep keep) {
    std::string kept;
    bool keeping = true;
    while (!header.empty()) {
        std::string_view line = header.substr(0, header.find('\n') + 1);
        line = line.empty() ? header : line;
        header.remove_prefix(line.size());
        if (line.front() != ' ' && line.front() != '\t') {
            auto colon = line.find(':');
            keeping = colon == std::string_view::npos ||
                      keep(field_of(trim_right(line.substr(0, colon), " \t")));
        }
        kept += keeping ? line : std::string_view();
    }
    return kept;
}

std::string base_field(const MboxBase& base) {
    std::string text = format("{}: {} {:010}", base.internal ? "X-IMAP" : "X-IMAPbase",
                              base.uid_validity, base.last_uid);
    for (const std::string& name : base.keywords) {
        text += " " + name;
    }
    return text;
}

std::string status_fields(const MboxMarks& marks) {
    std::string status;
    status += (marks.system & MessageFlags::kSeen) != 0 ? "R" : "";
    status += marks.old ? "O" : "";
    std::string more;
    for (const StatusLetter& each : kStatusLetters) {
        more += (marks.system & each.flag) != 0 ? std::string(1, each.letter) : "";
    }
    std::string text;
    text += status.empty() ? "" : "Status: " + status + "\n";
    text += more.empty() ? "" : "X-Status: " + more + "\n";
    text += marks.keywords.empty() ? "" : "X-Keywords: " + join(marks.keywords, " ") + "\n";
    return text;
}

}  // namespace

std::optional<std::int64_t> parse_from_line(std::string_view line) {
    if (!line.starts_with("From ")) {
        return std::nullopt;
    }
    // The sender may have blanks itself.
    auto words = split_words(line.substr(5, 1000));
    for (std::size_t at = 0; at + 4 < words.size(); ++at) {
        if (auto time = parse_date(words, at)) {
            return time;
        }
    }
    return std::nullopt;
}

std::string format_from_line(std::string_view sender, std::int64_t time) {
    std::time_t when = time;
    std::tm local{};
    ::localtime_r(&when, &local);
    std::array<char, 64> text{};
    std::size_t size = std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &local);
    return format("From {}  {}\n", sender, std::string_view(text.data(), size));
}

MboxHeader parse_mbox_header(std::string_view header) {
    MboxHeader parsed;
    imap::HeaderWalk walk(header);
    while (auto field = walk.next()) {
        take_field(parsed, field_of(field->name), field->value);
    }
    // No server sends its notes by mail.
    if (parsed.travelled && parsed.base && parsed.base->internal) {
        parsed.base.reset();
    }
    return parsed;
}

std::string visible_mbox_header(std::string_view header) {
    return filtered(header, is_mail);
}

std::string mark_mbox_header(std::string_view header, const MboxMarks& marks,
                             const std::optional<MboxBase>& base, std::size_t room) {
    std::string fields = filtered(
        header, [](Field field) { return is_mail(field) || field == Field::kContentLength; });
    // The empty line, in whatever form the file has it.
    std::string end;
    for (std::string_view form : {"\r\n", "\n"}) {
        bool only = fields == form;
        if (only || fields.ends_with("\n" + std::string(form))) {
            end = form;
            fields.resize(fields.size() - form.size());
            break;
        }
    }
    // One that is cut in a line goes on where nobody looks for fields any longer: ours come first.
    std::string rest;
    if (end.empty() && !fields.ends_with('\n')) {
        rest.swap(fields);
    }
    if (!fields.empty() && !fields.ends_with('\n')) {
        fields += '\n';
    }
    if (base) {
        fields += base_field(*base) + "\n";
    }
    fields += format("X-UID: {}", marks.uid);
    const std::string status = "\n" + status_fields(marks) + rest + end;
    const std::size_t least = fields.size() + status.size();
    fields.append(least <= room ? room - least : kSpare, ' ');
    return fields + status;
}

std::string internal_mbox_message(const MboxBase& base, std::string_view host, std::int64_t time) {
    MboxBase internal = base;
    internal.internal = true;
    std::time_t when = time;
    std::tm utc{};
    ::gmtime_r(&when, &utc);
    std::array<char, 64> date{};
    std::size_t size = std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S +0000", &utc);
    return format_from_line("MAILER_DAEMON", time) +
           format(
               "Date: {}\n"
               "From: Mail System Internal Data <MAILER-DAEMON@{}>\n"
               "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
               "Message-ID: <{}@{}>\n{}\nStatus: RO\n\n"
               "The mail servers keep numbers of this folder here: no client shows it, and no "
               "person wrote it.\nWithout it the messages that come get their numbers anew.\n\n",
               std::string_view(date.data(), size), host, time, host, base_field(internal));
}

}  // namespace relais
