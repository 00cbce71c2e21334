#include "imapd/auth/ldap_fields.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

#include "imapd/auth/database.h"

namespace relais {

namespace {

constexpr std::string_view kLdap = "ldap:";
constexpr std::string_view kDn = "ldap_dn";

// Commas inside %{...} separate nothing.
std::vector<std::string_view> split_list(std::string_view list) {
    std::vector<std::string_view> items;
    std::size_t begun = 0;
    int depth = 0;
    for (std::size_t i = 0; i <= list.size(); ++i) {
        if (i == list.size() || (list[i] == ',' && depth == 0)) {
            items.push_back(trim(list.substr(begun, i - begun)));
            begun = i + 1;
            continue;
        }
        depth += list[i] == '{' ? 1 : 0;
        depth -= list[i] == '}' && depth > 0 ? 1 : 0;
    }
    std::erase_if(items, [](std::string_view item) { return item.empty(); });
    return items;
}

// The variables in a template that are none of a login's, by name: "ldap:NAME", "ldap:NAME:else".
std::vector<std::string> other_variables(std::string_view text) {
    std::vector<std::string> found;
    for (const std::string& variable : AuthQuery().variables().unknown(text)) {
        auto open = variable.find('{');
        bool named = open != std::string::npos && variable.ends_with('}');
        found.push_back(named ? variable.substr(open + 1, variable.size() - open - 2) : variable);
    }
    return found;
}

std::vector<std::string> attribute_variables(std::string_view text) {
    std::vector<std::string> found = other_variables(text);
    std::erase_if(found, [](const std::string& name) { return !name.starts_with(kLdap); });
    return found;
}

// Of such a variable: the attribute and what stands behind it, "" where there is nothing.
TwoParts attribute_and_rest(std::string_view variable) {
    std::string_view behind = variable.substr(variable.find(':') + 1);
    auto parts = split_first(behind, ':');
    return parts.value_or(TwoParts{behind, ""});
}

const LdapAttribute* find_attribute(const LdapEntry& entry, std::string_view name) {
    auto found = std::ranges::find_if(entry.attributes, [name](const LdapAttribute& each) {
        return iequals(each.name, name) && !each.values.empty();
    });
    return found == entry.attributes.end() ? nullptr : &*found;
}

std::string value_of_variable(const LdapEntry& entry, std::string_view variable) {
    auto [name, otherwise] = attribute_and_rest(variable);
    const LdapAttribute* attribute = find_attribute(entry, name);
    return attribute == nullptr ? std::string(otherwise) : attribute->values.front();
}

// "%$" is what Dovecot had before %{ldap:...}.
std::string with_own_value(std::string_view text, std::string_view attribute) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%' || i + 1 == text.size()) {
            out += text[i];
        } else if (text[++i] == '$') {
            out += format("%{{{}{}}}", kLdap, attribute);
        } else {
            out += '%';
            out += text[i];
        }
    }
    return out;
}

}  // namespace

Result<LdapFields> LdapFields::parse(std::string_view list) {
    LdapFields fields;
    for (std::string_view item : split_list(list)) {
        auto parts = split_first(item, '=');
        Field field;
        field.attribute = parts ? trim_right(parts->first) : item;
        std::string_view target = parts ? parts->second : item;
        if (field.attribute.starts_with('!')) {
            field.attribute.erase(0, 1);
            target = "";
        } else if (field.attribute.contains('@') || target.starts_with('@')) {
            return fail(Errc::kSyntax,
                        format("\"{}\": fields of other entries are not known", item));
        } else if (target.empty()) {
            return fail(Errc::kSyntax, format("\"{}\" names no field", item));
        }
        if (auto named = split_first(target, '='); named && !target.empty()) {
            field.templated = true;
            field.value = with_own_value(named->second, field.attribute);
            target = named->first;
        }
        field.name = target;
        for (const std::string& variable : other_variables(field.value)) {
            if (!variable.starts_with(kLdap) && variable != kDn) {
                return fail(Errc::kSyntax, format("\"{}\": unknown variable {}", item, variable));
            }
        }
        field.templated = field.templated || field.attribute.empty();
        fields.fields_.push_back(std::move(field));
    }
    return fields;
}

void LdapFields::leave_out(std::string_view field) {
    std::erase_if(fields_, [field](const Field& each) { return each.name == field; });
}

std::vector<std::string> LdapFields::attributes() const {
    std::vector<std::string> names;
    auto add = [&names](std::string_view name) {
        if (!name.empty() && std::ranges::find(names, name) == names.end()) {
            names.emplace_back(name);
        }
    };
    for (const Field& field : fields_) {
        add(field.attribute);
        for (const std::string& variable : attribute_variables(field.value)) {
            add(attribute_and_rest(variable).first);
        }
    }
    return names;
}

AuthParameters LdapFields::of(const LdapEntry& entry, const UserVariables& variables,
                              const std::string& title) const {
    AuthParameters made;
    for (const Field& field : fields_) {
        const LdapAttribute* own = find_attribute(entry, field.attribute);
        if (field.name.empty() || (own == nullptr && !field.attribute.empty())) {
            continue;
        }
        if (own != nullptr && own->values.size() > 1) {
            log_warning("{}: {} has several values of {}; the first one counts", title,
                        printable(entry.dn), field.attribute);
        }
        if (!field.templated) {
            made.set(field.name, own->values.front());
            continue;
        }
        UserVariables all = variables;
        all.set(kDn, entry.dn);
        for (const std::string& variable : attribute_variables(field.value)) {
            all.set(variable, value_of_variable(entry, variable));
        }
        made.set(field.name, all.expand(field.value));
    }
    return made;
}

}  // namespace relais
