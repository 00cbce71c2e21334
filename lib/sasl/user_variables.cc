#include "lib/sasl/user_variables.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "lib/base/strings.h"

namespace relais {

namespace {

// What stands between "%" and the end of a variable.
struct Variable {
    std::string name;
    std::string modifiers;
    std::int64_t offset = 0;
    std::optional<std::size_t> width;
    std::size_t end = 0;  // behind it, in the text
};

std::size_t read_number(std::string_view text, std::size_t& at) {
    constexpr std::size_t kMost = 10000;
    std::size_t number = 0;
    for (; at < text.size() && is_digit(text[at]); ++at) {
        number = std::min(number * 10 + static_cast<std::size_t>(text[at] - '0'), kMost);
    }
    return number;
}

// "3", "0.3", "-2.2": what is cut out of the value.
void read_cut(std::string_view text, std::size_t& at, Variable& variable) {
    bool negative = at < text.size() && text[at] == '-';
    std::size_t start = at + (negative ? 1 : 0);
    if (start >= text.size() || !is_digit(text[start])) {
        return;
    }
    at = start;
    std::size_t number = read_number(text, at);
    if (at < text.size() && text[at] == '.') {
        ++at;
        variable.offset =
            negative ? -static_cast<std::int64_t>(number) : static_cast<std::int64_t>(number);
        variable.width = read_number(text, at);
    } else {
        variable.width = number;
    }
}

// The variable whose "%" is at `percent`; nothing for a "%" at the end of the text.
std::optional<Variable> read_variable(std::string_view text, std::size_t percent) {
    constexpr std::string_view kModifiers = "LURT";
    Variable variable;
    std::size_t at = percent + 1;
    read_cut(text, at, variable);
    while (at + 1 < text.size() && kModifiers.contains(text[at])) {
        variable.modifiers += text[at++];
    }
    if (at >= text.size()) {
        return std::nullopt;
    }
    auto close = text[at] == '{' ? text.find('}', at) : std::string_view::npos;
    if (close != std::string_view::npos) {
        variable.name = text.substr(at + 1, close - at - 1);
        variable.end = close + 1;
    } else {
        variable.name = text[at];
        variable.end = at + 1;
    }
    return variable;
}

std::string cut(const std::string& value, const Variable& variable) {
    auto size = static_cast<std::int64_t>(value.size());
    std::int64_t start = variable.offset < 0 ? std::max<std::int64_t>(size + variable.offset, 0)
                                             : std::min(variable.offset, size);
    return value.substr(static_cast<std::size_t>(start),
                        variable.width.value_or(std::string::npos));
}

std::string modified(std::string value, const Variable& variable) {
    for (char modifier : variable.modifiers) {
        if (modifier == 'L') {
            value = lowercase(value);
        } else if (modifier == 'U') {
            value = uppercase(value);
        } else if (modifier == 'R') {
            std::ranges::reverse(value);
        } else {
            value = std::string(trim_right(value));
        }
    }
    return cut(value, variable);
}

}  // namespace

UserVariables::UserVariables(std::string_view user, std::string_view home) {
    auto at = user.rfind('@');
    std::string_view domain = at == std::string_view::npos ? "" : user.substr(at + 1);
    for (std::string_view name : {"u", "user"}) {
        set(name, user);
    }
    for (std::string_view name : {"n", "username"}) {
        set(name, user.substr(0, at));
    }
    for (std::string_view name : {"d", "domain"}) {
        set(name, domain);
    }
    for (std::string_view name : {"h", "home"}) {
        set(name, home);
    }
    set("%", "%");
}

void UserVariables::set(std::string_view name, std::string_view value) {
    values_.insert_or_assign(std::string(name), std::string(value));
}

std::string UserVariables::expand(std::string_view text, const Quote& quote) const {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        auto variable = text[i] == '%' ? read_variable(text, i) : std::nullopt;
        if (!variable) {
            out += text[i++];
            continue;
        }
        i = variable->end;
        auto found = values_.find(variable->name);
        if (found == values_.end()) {
            continue;
        }
        std::string value = modified(found->second, *variable);
        out += quote && variable->name != "%" ? quote(value) : value;
    }
    return out;
}

std::vector<std::string> UserVariables::unknown(std::string_view text) const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto variable = text[i] == '%' ? read_variable(text, i) : std::nullopt;
        if (variable) {
            if (!values_.contains(variable->name)) {
                names.emplace_back(text.substr(i, variable->end - i));
            }
            i = variable->end - 1;
        }
    }
    return names;
}

std::string expand_user_variables(std::string_view text, std::string_view user,
                                  std::string_view home) {
    return UserVariables(user, home).expand(text);
}

}  // namespace relais
