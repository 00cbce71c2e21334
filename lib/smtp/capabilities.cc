// EHLO keywords: see the header.
#include "lib/smtp/capabilities.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais::smtp {

Capabilities Capabilities::parse(std::string_view text) {
    constexpr std::size_t kMaxLines = 200;
    Capabilities result;
    bool first = true;
    for (auto line : split_fields(text, '\n')) {
        line = line.size() > 4 ? trim(line.substr(4)) : std::string_view{};
        const auto words = split_words(line);
        if (words.empty() || result.keywords_.size() >= kMaxLines) {
            continue;
        }
        if (std::exchange(first, false)) {
            result.host_ = words[0];
            continue;
        }
        // "AUTH=PLAIN LOGIN" is how some servers of old wrote "AUTH PLAIN LOGIN".
        auto name = words[0];
        auto rest = trim(line.substr(name.size()));
        std::string arguments(rest);
        if (istarts_with(name, "AUTH=")) {
            arguments = name.substr(5);
            arguments += rest.empty() ? "" : " ";
            arguments += rest;
            name = name.substr(0, 4);
        }
        auto keyword = uppercase(name);
        const auto known =
            std::ranges::find(result.keywords_, keyword, [](const auto& k) { return k.first; });
        if (known == result.keywords_.end()) {
            result.keywords_.emplace_back(std::move(keyword), std::move(arguments));
        } else if (!arguments.empty()) {
            known->second += known->second.empty() ? "" : " ";
            known->second += arguments;
        }
    }
    return result;
}

std::string Capabilities::text() const {
    std::string text = "250-" + host_;
    for (const auto& [name, arguments] : keywords_) {
        text += "\n250-" + name + (arguments.empty() ? "" : " ") + arguments;
    }
    return text;
}

std::optional<std::string_view> Capabilities::arguments(std::string_view keyword) const {
    for (const auto& [name, arguments] : keywords_) {
        if (iequals(name, keyword)) {
            return arguments;
        }
    }
    return std::nullopt;
}

std::uint64_t Capabilities::size_limit() const {
    return parse_uint(arguments("SIZE").value_or("")).value_or(0);
}

void Capabilities::discard(std::string_view keyword) {
    std::erase_if(keywords_, [keyword](const auto& k) { return iequals(k.first, keyword); });
}

}  // namespace relais::smtp
