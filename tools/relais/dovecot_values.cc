#include "tools/relais/dovecot_values.h"

#include <algorithm>
#include <array>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"

namespace relais {

std::optional<std::string> time_of(std::string_view text) {
    constexpr std::string_view kUnits = "smhdw";
    std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::string_view unit = trim(text.substr(digits));
    char letter = unit.empty() ? 's' : unit.front();
    bool known = kUnits.contains(letter) && !unit.starts_with("ms") && unit != "milliseconds";
    return digits > 0 && known ? std::optional(std::string(text.substr(0, digits)) + letter)
                               : std::nullopt;
}

std::string bracketed_networks(std::string_view text) {
    std::vector<std::string> networks;
    for (std::string_view word : split_words(text, ", \t")) {
        std::size_t slash = std::min(word.find('/'), word.size());
        bool bare = word.contains(':') && !word.starts_with('[');
        networks.push_back(bare ? format("[{}]{}", word.substr(0, slash), word.substr(slash))
                                : std::string(word));
    }
    return join(networks, ", ");
}

std::string list_item(std::string text) {
    bool whole = text.find_first_of(kListSeparators) == std::string::npos;
    return whole ? std::move(text) : "{ " + text + " }";
}

DovecotSetting with_value_of_file(const DovecotSetting& setting) {
    constexpr std::size_t kLongest = 4096;
    bool secret = setting.name.starts_with("ssl_") || setting.name.contains("key") ||
                  setting.name.contains("password");
    if (!setting.in_file || secret) {
        return setting;
    }
    auto text = read_file(setting.value, kLongest);
    std::string_view line = text ? trim_right(*text, " \t\r\n") : std::string_view();
    if (!text || line.contains('\n')) {
        return setting;
    }
    DovecotSetting whole = setting;
    whole.value = std::string(line);
    whole.in_file = false;
    whole.value_file = setting.value;
    return whole;
}

std::string short_uidl_format(std::string_view text) {
    constexpr std::string_view kHex = "hex(";
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        auto end = text.substr(at).starts_with("%{") ? text.find('}', at) : std::string_view::npos;
        if (end == std::string_view::npos) {
            out += text[at++];
            continue;
        }
        auto parts = split_fields(text.substr(at + 2, end - at - 2), '|');
        std::string_view filter = parts.size() == 2 ? trim(parts[1]) : "";
        auto width = filter.starts_with(kHex) && filter.ends_with(')')
                         ? parse_uint(filter.substr(kHex.size(), filter.size() - kHex.size() - 1))
                         : std::nullopt;
        std::string_view name = trim(parts[0]);
        if (width && (name == "uid" || name == "uidvalidity")) {
            out += format("%0{}X{}", *width, name == "uid" ? 'u' : 'v');
        } else {
            out += text.substr(at, end + 1 - at);
        }
        at = end + 1;
    }
    return out;
}

std::string short_variables(std::string text) {
    struct Long {
        std::string_view theirs;
        std::string_view ours;
    };

    constexpr std::array<Long, 5> kLong = {{{"%{user}", "%u"},
                                            {"%{user | username}", "%n"},
                                            {"%{user | domain}", "%d"},
                                            {"%{home}", "%h"},
                                            {"%{user | lower}", "%Lu"}}};
    for (const Long& each : kLong) {
        for (std::size_t at = 0; (at = text.find(each.theirs, at)) != std::string::npos;) {
            text.replace(at, each.theirs.size(), each.ours);
        }
    }
    return text;
}

}  // namespace relais
