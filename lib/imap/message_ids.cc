#include "lib/imap/message_ids.h"

#include <algorithm>
#include <optional>

#include "lib/base/strings.h"

namespace relais::imap {

namespace {

constexpr std::size_t kLongestId = 998;

// Behind "(": over a comment with those in it.
std::size_t behind_comment(std::string_view text, std::size_t at) {
    for (int depth = 1; at < text.size() && depth > 0; ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '(') {
            ++depth;
        } else if (text[at] == ')') {
            --depth;
        }
    }
    return std::min(at, text.size());
}

// Behind a quote: the characters up to the next.
std::size_t take_quoted(std::string_view text, std::size_t at, std::string& into) {
    for (; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) {
            ++at;
        }
        into += text[at];
    }
    return std::min(at + 1, text.size());
}

// Behind "<"; `at` is behind ">" then, or where the id went wrong.
std::optional<std::string> take_id(std::string_view text, std::size_t& at) {
    std::string id;
    while (at < text.size() && text[at] != '>' && text[at] != '<') {
        char c = text[at++];
        if (c == '"') {
            at = take_quoted(text, at, id);
        } else if (c == '(') {
            at = behind_comment(text, at);
        } else if (kBlanks.find(c) == std::string_view::npos) {
            id += c;
        }
    }
    if (at == text.size() || text[at] != '>') {
        return std::nullopt;
    }
    ++at;
    auto sign = id.rfind('@');
    bool good =
        sign != std::string::npos && sign > 0 && sign + 1 < id.size() && id.size() <= kLongestId;
    return good ? std::optional(std::move(id)) : std::nullopt;
}

}  // namespace

std::vector<std::string> parse_message_ids(std::string_view value, std::size_t most) {
    std::vector<std::string> ids;
    for (std::size_t at = 0; (at = value.find('<', at)) != std::string_view::npos;) {
        ++at;
        if (auto id = take_id(value, at)) {
            ids.push_back(std::move(*id));
        }
    }
    if (ids.size() > most) {
        ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(most));
    }
    return ids;
}

}  // namespace relais::imap
