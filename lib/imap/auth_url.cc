#include "lib/imap/auth_url.h"

#include <algorithm>
#include <chrono>

#include "lib/base/hex.h"
#include "lib/base/strings.h"

namespace relais::imap {

namespace {

constexpr std::size_t kLongest = 8192;
constexpr std::size_t kShortestToken = 8;

std::unexpected<Error> bad(std::string text) {
    return fail(Errc::kSyntax, std::move(text));
}

std::optional<std::string> decoded(std::string_view text) {
    return text.contains("%00") ? std::nullopt : decode_hex_escapes(text, '%');
}

// Where the word stands first, without regard to case.
std::size_t find_word(std::string_view text, std::string_view word) {
    for (std::size_t at = 0; at + word.size() <= text.size(); ++at) {
        if (istarts_with(text.substr(at), word)) {
            return at;
        }
    }
    return std::string_view::npos;
}

// "joe;AUTH=*@example.com:143"
Result<void> parse_server(std::string_view text, AuthUrl& url) {
    auto parts = split_first(text, '@');
    if (!parts) {
        return bad("URL names no user");
    }
    std::string_view user = parts->first.substr(0, find_word(parts->first, ";AUTH="));
    auto name = decoded(user);
    url.host = std::string(parts->second.substr(0, parts->second.find(':')));
    if (!name || name->empty() || url.host.empty()) {
        return bad("Invalid user or host");
    }
    url.user = std::move(*name);
    return {};
}

// "submit+fred:internal:91354a473744909de610943775f92038"
Result<void> parse_authority(std::string_view text, AuthUrl& url) {
    auto colon = text.find(':');
    std::string_view access = text.substr(0, colon);
    auto plus = access.find('+');
    std::string_view kind = access.substr(0, plus);
    if (plus != std::string_view::npos) {
        auto user = decoded(access.substr(plus + 1));
        url.access_user = user.value_or("");
    }
    bool names_user = !url.access_user.empty();
    if (iequals(kind, "anonymous") && plus == std::string_view::npos) {
        url.access = AuthUrl::Access::kAnonymous;
    } else if (iequals(kind, "authuser") && plus == std::string_view::npos) {
        url.access = AuthUrl::Access::kAuthUser;
    } else if (iequals(kind, "user") && names_user) {
        url.access = AuthUrl::Access::kUser;
    } else if (iequals(kind, "submit") && names_user) {
        url.access = AuthUrl::Access::kSubmit;
    } else {
        return bad("Invalid access identifier");
    }
    if (colon == std::string_view::npos) {
        return {};
    }
    auto proof = split_first(text.substr(colon + 1), ':');
    bool good = proof && !proof->first.empty() && proof->second.size() >= kShortestToken &&
                std::ranges::all_of(proof->second, [](char c) { return hex_value(c) >= 0; });
    if (!good) {
        return bad("Invalid token");
    }
    url.mechanism = std::string(proof->first);
    url.token = std::string(proof->second);
    return {};
}

// The digits at this place, as a number.
std::optional<int> digits(std::string_view& text, std::size_t count) {
    std::string_view found = text.substr(0, count);
    if (found.size() != count || !std::ranges::all_of(found, is_digit)) {
        return std::nullopt;
    }
    text.remove_prefix(count);
    return static_cast<int>(*parse_uint(found));
}

// The mark, and the digits behind it.
std::optional<int> marked_digits(std::string_view& text, std::string_view marks,
                                 std::size_t count) {
    if (text.empty() || marks.find(text.front()) == std::string_view::npos) {
        return std::nullopt;
    }
    text.remove_prefix(1);
    return digits(text, count);
}

// "Z", "+02:00"; seconds to the east.
std::optional<std::int64_t> parse_offset(std::string_view text) {
    if (iequals(text, "Z")) {
        return 0;
    }
    bool west = text.starts_with('-');
    auto hours = marked_digits(text, "+-", 2);
    auto minutes = hours ? marked_digits(text, ":", 2) : std::nullopt;
    if (!minutes || !text.empty() || *hours > 23 || *minutes > 59) {
        return std::nullopt;
    }
    std::int64_t seconds = (*hours * 60 + *minutes) * 60;
    return west ? -seconds : seconds;
}

}  // namespace

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
    auto year = digits(text, 4);
    auto month = year ? marked_digits(text, "-", 2) : std::nullopt;
    auto day = month ? marked_digits(text, "-", 2) : std::nullopt;
    auto hour = day ? marked_digits(text, "Tt", 2) : std::nullopt;
    auto minute = hour ? marked_digits(text, ":", 2) : std::nullopt;
    auto second = minute ? marked_digits(text, ":", 2) : std::nullopt;
    if (!second || *hour > 23 || *minute > 59 || *second > 60) {
        return std::nullopt;
    }
    if (text.starts_with('.')) {
        auto end = text.find_first_not_of("0123456789", 1);
        if (end == 1 || end == std::string_view::npos) {
            return std::nullopt;
        }
        text.remove_prefix(end);
    }
    auto offset = parse_offset(text);
    std::chrono::year_month_day date{std::chrono::year(*year),
                                     std::chrono::month(static_cast<unsigned>(*month)),
                                     std::chrono::day(static_cast<unsigned>(*day))};
    if (!offset || !date.ok()) {
        return std::nullopt;
    }
    std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return days * 86400 + *hour * 3600 + *minute * 60 + *second - *offset;
}

Result<AuthUrl> parse_auth_url(std::string_view text) {
    if (text.size() > kLongest) {
        return bad("URL is too long");
    }
    std::size_t mark = find_word(text, ";URLAUTH=");
    auto path = text.find('/', 7);
    if (!istarts_with(text, "imap://") || path == std::string_view::npos ||
        mark == std::string_view::npos || mark < path) {
        return bad("Invalid authorized URL");
    }
    AuthUrl url;
    auto server = parse_server(text.substr(7, path - 7), url);
    auto authority = parse_authority(text.substr(mark + 9), url);
    if (!server || !authority) {
        return !server ? fail_with(server) : fail_with(authority);
    }
    url.rump = std::string(text.substr(0, text.find(':', mark)));
    std::string_view message = text.substr(path, mark - path);
    std::size_t expiry = find_word(message, ";EXPIRE=");
    if (expiry != std::string_view::npos) {
        url.expires = parse_timestamp(message.substr(expiry + 8));
        if (!url.expires) {
            return bad("Invalid time of expiry");
        }
    }
    auto parsed = parse_imap_url(message.substr(0, expiry));
    if (!parsed) {
        return fail_with(parsed);
    }
    url.message = std::move(*parsed);
    return url;
}

}  // namespace relais::imap
