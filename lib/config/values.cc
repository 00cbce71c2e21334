#include "lib/config/values.h"

#include <limits>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/main_cf.h"

namespace relais {

std::optional<bool> parse_bool(std::string_view text) {
    if (iequals(text, "yes")) {
        return true;
    }
    if (iequals(text, "no")) {
        return false;
    }
    return {};
}

std::optional<long> parse_long_value(std::string_view text) {
    static_assert(sizeof(long) == sizeof(std::int64_t));
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.empty() || !is_digit(text.front())) {
            return {};
        }
    }
    return parse_int(text);
}

std::optional<int> parse_int_value(std::string_view text) {
    auto number = parse_long_value(text);
    if (!number || *number < std::numeric_limits<int>::min() ||
        *number > std::numeric_limits<int>::max()) {
        return {};
    }
    return static_cast<int>(*number);
}

namespace {

std::optional<int> seconds_in(char unit) {
    switch (unit) {
        case 's':
            return 1;
        case 'm':
            return 60;
        case 'h':
            return 3600;
        case 'd':
            return 86400;
        case 'w':
            return 604800;
        default:
            return {};
    }
}

}  // namespace

std::optional<std::chrono::seconds> parse_time(std::string_view text, char unit) {
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) {
        ++digits;
    }
    auto number = parse_uint(text.substr(0, digits));
    auto factor = seconds_in(digits < text.size() ? text[digits] : unit);
    if (!number || !factor || *number > std::numeric_limits<int>::max() / unsigned(*factor)) {
        return {};
    }
    return std::chrono::seconds(static_cast<int>(*number) * *factor);
}

std::size_t group_length(std::string_view text, char open, char close) {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == open) {
            ++depth;
        } else if (text[i] == close && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

std::vector<std::string> split_list(std::string_view text, std::string_view separators) {
    std::vector<std::string> items;
    while (true) {
        text = trim_left(text, separators);
        if (text.empty()) {
            return items;
        }
        std::size_t end = 0;
        std::size_t depth = 0;
        while (end < text.size() && (depth > 0 || !separators.contains(text[end]))) {
            depth += text[end] == '{' ? 1 : 0;
            depth -= text[end] == '}' && depth > 0 ? 1 : 0;
            ++end;
        }
        items.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

Result<std::string_view> strip_braces(std::string_view text) {
    auto length = group_length(text);
    if (length == 0) {
        return fail(Errc::kSyntax, format("missing '}}' in \"{}\"", text));
    }
    if (!trim(text.substr(length)).empty()) {
        return fail(Errc::kSyntax, format("syntax error after '}}' in \"{}\"", text));
    }
    return trim(text.substr(1, length - 2));
}

Result<Assignment> parse_assignment(std::string_view text) {
    text = trim(text);
    if (text.starts_with('{')) {
        auto inside = strip_braces(text);
        if (!inside) {
            return fail_with(inside);
        }
        text = *inside;
    }
    auto pair = split_name_value(text);
    if (!pair) {
        return fail_with(pair);
    }
    return Assignment{std::string(pair->name), std::string(pair->value)};
}

}  // namespace relais
