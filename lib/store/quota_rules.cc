#include "lib/store/quota_rules.h"

#include <algorithm>
#include <limits>

#include "lib/base/strings.h"
#include "lib/store/wildcard.h"

namespace relais {

namespace {

constexpr std::int64_t kKilo = 1024;
// Far above any disk, and far enough below the end that sums of them cannot overflow.
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1024;

std::optional<std::int64_t> unit_of(char letter) {
    switch (to_lower(letter)) {
        case 'b':
            return 1;
        case 'k':
            return kKilo;
        case 'm':
            return kKilo * kKilo;
        case 'g':
            return kKilo * kKilo * kKilo;
        case 't':
            return kKilo * kKilo * kKilo * kKilo;
        default:
            return std::nullopt;
    }
}

}  // namespace

std::int64_t QuotaValue::resolve(std::int64_t of) const {
    return percent ? of / 100 * number + of % 100 * number / 100 : number;
}

std::optional<QuotaValue> QuotaValue::parse(std::string_view text, std::int64_t unit) {
    QuotaValue value;
    if (text.ends_with('%')) {
        value.percent = true;
        unit = 1;
        text.remove_suffix(1);
    } else if (!text.empty() && !is_digit(text.back())) {
        auto given = unit_of(text.back());
        if (!given) {
            return std::nullopt;
        }
        unit = *given;
        text.remove_suffix(1);
    }
    auto number = parse_int(trim(text));
    std::int64_t most = value.percent ? 1000 : kMost / unit;
    if (!number || *number > most || *number < -most) {
        return std::nullopt;
    }
    value.number = *number * unit;
    return value;
}

bool QuotaRules::take_word(std::string_view word, Rule& rule) {
    word = trim(word);
    if (iequals(word, "ignore")) {
        rule.ignore = true;
        return true;
    }
    auto parts = split_first(word, '=');
    if (!parts) {
        return word.empty();
    }
    std::string_view text = trim(parts->second);
    Part part;
    part.added = text.starts_with('+') || text.starts_with('-');
    if (text.starts_with('+')) {
        text.remove_prefix(1);
    }
    bool storage = iequals(parts->first, "storage");
    auto value = QuotaValue::parse(text, storage ? kKilo : 1);
    if (!value) {
        return false;
    }
    part.value = *value;
    if (storage || iequals(parts->first, "bytes")) {
        rule.bytes = part;
        return true;
    }
    if (iequals(parts->first, "messages")) {
        rule.messages = part;
        return true;
    }
    return false;
}

QuotaRules::Rule& QuotaRules::rule_named(std::string_view mask) {
    auto found = std::ranges::find(rules_, mask, &Rule::mask);
    if (found != rules_.end()) {
        return *found;
    }
    rules_.push_back({std::string(mask), {}, {}, false});
    return rules_.back();
}

Result<QuotaRules> QuotaRules::parse(const std::vector<std::string>& rules) {
    QuotaRules parsed;
    for (const std::string& text : rules) {
        if (trim(text).empty()) {
            continue;
        }
        auto parts = split_first(trim(text), ':');
        if (!parts) {
            return fail(Errc::kSyntax, "quota rule \"" + printable(text) + "\": no limits in it");
        }
        Rule& rule = parsed.rule_named(trim(parts->first));
        for (std::string_view word : split_fields(parts->second, ':')) {
            if (!take_word(word, rule)) {
                return fail(Errc::kSyntax, "quota rule \"" + printable(text) + "\": \"" +
                                               printable(word) + "\" is no limit");
            }
        }
    }
    // "?" is for users who have no other limit.
    for (std::string_view mask : {"?", "*"}) {
        auto all = std::ranges::find(parsed.rules_, mask, &Rule::mask);
        if (all != parsed.rules_.end()) {
            parsed.limit_.bytes = apply(all->bytes, parsed.limit_.bytes);
            parsed.limit_.messages = apply(all->messages, parsed.limit_.messages);
            parsed.rules_.erase(all);
        }
    }
    return parsed;
}

std::int64_t QuotaRules::apply(const std::optional<Part>& part, std::int64_t limit) {
    if (!part) {
        return limit;
    }
    if (!part->added) {
        return std::max<std::int64_t>(part->value.resolve(limit), 0);
    }
    // Without a limit there is nothing to be more than.
    return limit == 0 ? 0 : std::max<std::int64_t>(limit + part->value.resolve(limit), 1);
}

const QuotaRules::Rule* QuotaRules::rule_for(std::string_view folder) const {
    auto found = std::ranges::find_if(
        rules_, [folder](const Rule& rule) { return wildcard_matches(rule.mask, folder); });
    return found == rules_.end() ? nullptr : &*found;
}

QuotaAmount QuotaRules::limit_for(std::string_view folder) const {
    const Rule* rule = rule_for(folder);
    if (rule == nullptr) {
        return limit_;
    }
    return {apply(rule->bytes, limit_.bytes), apply(rule->messages, limit_.messages)};
}

bool QuotaRules::ignores(std::string_view folder) const {
    const Rule* rule = rule_for(folder);
    return rule != nullptr && rule->ignore;
}

}  // namespace relais
