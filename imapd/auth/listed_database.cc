#include "imapd/auth/listed_database.h"

#include <algorithm>
#include <optional>

#include <fnmatch.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"

namespace relais {

namespace {

using Rule = ListedDatabase::Rule;
using Skip = ListedDatabase::Skip;

template <class T>
struct Word {
    std::string_view name;
    T value;
};

constexpr Word<Rule> kRules[] = {
    {"return-ok", {Rule::Then::kReturn, Rule::Verdict::kOk}},
    {"return-fail", {Rule::Then::kReturn, Rule::Verdict::kFail}},
    {"return", {Rule::Then::kReturn, Rule::Verdict::kAsBefore}},
    {"continue-ok", {Rule::Then::kContinue, Rule::Verdict::kOk}},
    {"continue-fail", {Rule::Then::kContinue, Rule::Verdict::kFail}},
    {"continue", {Rule::Then::kContinue, Rule::Verdict::kAsBefore}},
};

constexpr Word<Skip> kSkips[] = {
    {"never", Skip::kNever},
    {"authenticated", Skip::kAuthenticated},
    {"found", Skip::kAuthenticated},
    {"unauthenticated", Skip::kUnauthenticated},
    {"notfound", Skip::kUnauthenticated},
};

constexpr Word<bool> kFlags[] = {{"yes", true}, {"no", false}};

template <class T, std::size_t kCount>
bool read_word(const Word<T> (&words)[kCount], std::string_view text, T& into) {
    const auto* found = std::ranges::find(words, text, &Word<T>::name);
    if (found == std::end(words)) {
        return false;
    }
    into = found->value;
    return true;
}

std::vector<std::string> list_of(std::string_view text) {
    std::vector<std::string> items;
    for (std::string_view item : split_words(text, ", \t\r\n")) {
        items.emplace_back(item);
    }
    return items;
}

AuthParameters fields_of(std::string_view text) {
    AuthParameters fields;
    for (std::string_view word : split_words(text)) {
        auto parts = split_first(word, '=');
        fields.set(parts ? parts->first : word, parts ? parts->second : "");
    }
    return fields;
}

// Continuing, a database's yes counts as one that the next may still say no to.
bool read_setting(ListedDatabase& item, std::string_view name, std::string_view value) {
    bool pass = false;
    if (name == "master") {
        return read_word(kFlags, value, item.master);
    }
    if (name == "deny") {
        return read_word(kFlags, value, item.deny);
    }
    if (name == "pass") {
        bool known = read_word(kFlags, value, pass);
        item.success = pass ? Rule{} : item.success;
        return known;
    }
    if (name == "result_success") {
        return read_word(kRules, value, item.success);
    }
    if (name == "result_failure") {
        return read_word(kRules, value, item.failure);
    }
    if (name == "result_internalfail") {
        return read_word(kRules, value, item.internal_failure);
    }
    if (name == "skip") {
        return read_word(kSkips, value, item.skip);
    }
    if (name == "mechanisms") {
        item.mechanisms = list_of(uppercase(value));
    } else if (name == "username_filter") {
        item.username_filter = list_of(value);
    } else if (name == "default_fields") {
        item.default_fields = fields_of(value);
    } else if (name == "override_fields") {
        item.override_fields = fields_of(value);
    } else {
        return false;
    }
    return true;
}

// "NAME=VALUE" or "NAME={VALUE VALUE}" at the start of `text`, which is cut off; nothing where
// something else stands there.
std::optional<std::pair<std::string_view, std::string_view>> next_setting(std::string_view& text) {
    auto end_of_name = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
    if (end_of_name == std::string_view::npos || end_of_name == 0 || text[end_of_name] != '=') {
        return std::nullopt;
    }
    std::string_view name = text.substr(0, end_of_name);
    std::string_view rest = text.substr(end_of_name + 1);
    std::size_t group = rest.starts_with('{') ? group_length(rest) : 0;
    std::size_t end = group > 0 ? group : std::min(rest.find_first_of(" \t\r\n"), rest.size());
    std::string_view value = group > 0 ? trim(rest.substr(1, group - 2)) : rest.substr(0, end);
    text = trim_left(rest.substr(end));
    return std::pair(name, value);
}

bool matches(const std::string& pattern, const std::string& name) {
    return ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

}  // namespace

Result<ListedDatabase> ListedDatabase::open(std::string_view text) {
    ListedDatabase item;
    text = trim(text);
    item.text = text;
    while (auto setting = next_setting(text)) {
        if (!read_setting(item, setting->first, setting->second)) {
            return fail(Errc::kSyntax,
                        format("{}={}: no setting of a database", printable(setting->first),
                               printable(setting->second)));
        }
    }
    if (text == "prefetch") {
        item.prefetch = true;
        return item;
    }
    auto opened = open_auth_database(text);
    if (!opened) {
        return fail_with(opened);
    }
    item.database = std::move(*opened);
    return item;
}

bool ListedDatabase::is_asked(const AuthQuery& query, bool authenticated) const {
    if ((skip == Skip::kAuthenticated && authenticated) ||
        (skip == Skip::kUnauthenticated && !authenticated)) {
        return false;
    }
    if (!mechanisms.empty() &&
        std::ranges::find(mechanisms, query.parameters.get("mech")) == mechanisms.end()) {
        return false;
    }
    bool wanted = username_filter.empty();
    bool has_positive = false;
    for (const std::string& pattern : username_filter) {
        bool negative = pattern.starts_with('!');
        if (negative && matches(pattern.substr(1), query.user)) {
            return false;
        }
        has_positive = has_positive || !negative;
        wanted = wanted || (!negative && matches(pattern, query.user));
    }
    return wanted || !has_positive;
}

AuthParameters ListedDatabase::completed(AuthParameters fields, const AuthQuery& query) const {
    UserVariables variables = query.variables();
    for (const auto& [name, value] : default_fields.all()) {
        if (!fields.has(name)) {
            fields.set(name, variables.expand(value));
        }
    }
    for (const auto& [name, value] : override_fields.all()) {
        fields.set(name, variables.expand(value));
    }
    return fields;
}

}  // namespace relais
