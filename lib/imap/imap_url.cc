#include "lib/imap/imap_url.h"

#include <limits>

#include "lib/base/hex.h"
#include "lib/base/strings.h"

namespace relais::imap {

namespace {

constexpr std::size_t kLongest = 8192;

std::unexpected<Error> bad(std::string text) {
    return fail(Errc::kSyntax, std::move(text));
}

// A NUL is in no name.
std::optional<std::string> percent_decoded(std::string_view text) {
    return text.contains("%00") ? std::nullopt : decode_hex_escapes(text, '%');
}

std::optional<std::uint32_t> number_in(std::string_view text) {
    auto value = parse_uint(text);
    bool good = value && *value > 0 && *value <= std::numeric_limits<std::uint32_t>::max();
    return good ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
}

// ";UID=20" and the like, whose names have no case; the value.
std::optional<std::string_view> value_of(std::string_view segment, std::string_view name) {
    return istarts_with(segment, name) ? std::optional(segment.substr(name.size())) : std::nullopt;
}

// "0.1024", "5": RFC 5092's partial-range
std::optional<FetchItem::Partial> parse_range(std::string_view text) {
    auto parts = split_first(text, '.');
    auto origin = parse_uint(parts ? parts->first : text);
    auto count = parts ? parse_uint(parts->second)
                       : std::optional(std::numeric_limits<std::uint64_t>::max());
    bool good = origin && count && *count > 0;
    return good ? std::optional(FetchItem::Partial{*origin, *count}) : std::nullopt;
}

// What stands behind the mailbox: UID, then SECTION and PARTIAL perhaps.
Result<void> parse_segment(std::string_view segment, ImapUrl& url) {
    if (auto uid = value_of(segment, ";UID=")) {
        auto number = number_in(*uid);
        url.uid = number && url.uid == 0 ? *number : 0;
        return url.uid != 0 ? Result<void>() : bad("Invalid UID");
    }
    if (auto text = value_of(segment, ";SECTION="); text && url.uid != 0) {
        auto decoded = percent_decoded(*text);
        std::string closed = decoded.value_or("") + "]";
        Scanner scanner(closed);
        auto section = parse_section(scanner);
        if (!section || !scanner.rest().empty()) {
            return bad("Invalid section");
        }
        url.section = std::move(*section);
        return {};
    }
    if (auto text = value_of(segment, ";PARTIAL="); text && url.uid != 0) {
        url.partial = parse_range(*text);
        return url.partial ? Result<void>() : bad("Invalid partial range");
    }
    return bad("Unexpected path segment");
}

Result<void> parse_mailbox(std::string_view text, ImapUrl& url) {
    auto semicolon = text.find(';');
    auto name = percent_decoded(text.substr(0, semicolon));
    if (!name || name->empty()) {
        return bad("Invalid mailbox name");
    }
    url.mailbox = std::move(*name);
    if (semicolon == std::string_view::npos) {
        return {};
    }
    auto value = value_of(text.substr(semicolon), ";UIDVALIDITY=");
    url.uid_validity = value ? number_in(*value) : std::nullopt;
    return url.uid_validity ? Result<void>() : bad("Invalid UIDVALIDITY");
}

}  // namespace

Result<ImapUrl> parse_imap_url(std::string_view text) {
    if (text.size() > kLongest) {
        return bad("URL is too long");
    }
    if (istarts_with(text, "imap://")) {
        return bad("Relative URL required");
    }
    ImapUrl url;
    bool selected = text.starts_with(';');
    std::string_view rest = text.starts_with('/') ? text.substr(1) : text;
    if (!selected) {
        // The mailbox may hold slashes: it ends where the UID begins.
        std::size_t end = 0;
        while (end < rest.size() && !istarts_with(rest.substr(end), "/;UID=")) {
            ++end;
        }
        if (!text.starts_with('/') || end == rest.size()) {
            return bad("Message URL required");
        }
        auto parsed = parse_mailbox(trim_right(rest.substr(0, end), "/"), url);
        if (!parsed) {
            return fail_with(parsed);
        }
        rest = rest.substr(end + 1);
    }
    while (!rest.empty()) {
        std::size_t end = 1;
        while (end < rest.size() && !rest.substr(end).starts_with("/;")) {
            ++end;
        }
        auto parsed = parse_segment(rest.substr(0, end), url);
        if (!parsed) {
            return fail_with(parsed);
        }
        rest = rest.substr(std::min(end + 1, rest.size()));
    }
    return url.uid != 0 ? Result<ImapUrl>(std::move(url)) : bad("Message URL required");
}

}  // namespace relais::imap
