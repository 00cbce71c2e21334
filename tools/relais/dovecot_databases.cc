#include "tools/relais/dovecot_databases.h"

#include <algorithm>
#include <string_view>

#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "tools/relais/dovecot_values.h"

namespace relais {

namespace {

// Settings of a section that our databases have under the same names.
constexpr std::string_view kSharedWords[] = {
    "default_fields",  "deny", "master",         "mechanisms",
    "override_fields", "pass", "result_failure", "result_internalfail",
    "result_success",  "skip", "username_filter"};

// "NAME=VALUE " or "NAME={VALUE VALUE} ".
std::string word_of(const DovecotSetting& setting) {
    std::string value = short_variables(setting.value);
    bool is_list = value.empty() || value.find_first_of(" \t,=") != std::string::npos;
    return setting.name + (is_list ? "={" + value + "} " : "=" + value + " ");
}

// `driver_of_24`: of a section of 2.4; empty: it is one of 2.3.  What other databases of 2.4 do not
// have is passed over.
bool is_unknown(const DovecotSetting& setting, std::string_view driver_of_24) {
    return driver_of_24.empty()    ? setting.name != "driver" && setting.name != "args"
           : driver_of_24 == "sql" ? !DovecotSql::is_own(setting.name)
                                   : false;
}

// Whether the section says whom to let in, and not whom to keep out or who may be somebody else.
bool is_ordinary(const DovecotSection& section) {
    return section.get("deny") != "yes" && section.get("master") != "yes";
}

// Whether it depends on more of a user's name than what is before the "@".
bool names_domain(std::string_view text) {
    constexpr std::string_view kWithDomain[] = {"%u", "%d", "%Lu", "%Ld", "%{"};
    return std::ranges::any_of(
        kWithDomain, [text](std::string_view variable) { return text.contains(variable); });
}

// Whether it would find another user, or none, by another form of his name.
bool looks_at_names(const DovecotSection& section, std::string_view driver) {
    bool all_alike = driver == "static" && !names_domain(section.get("args"));
    return driver != "prefetch" && driver != "passwd" && driver != "pam" && !all_alike;
}

}  // namespace

// 2.3: driver and args; 2.4: the driver is the section's name, each argument a setting.
void DovecotDatabases::take(const DovecotSection& section) {
    bool new_form = section.find("driver") == nullptr && !section.name.empty();
    std::string driver = new_form ? section.name : std::string(section.get("driver"));
    DovecotSetting here{section.type, driver, section.line, false, section.file};
    auto database =
        new_form ? database_of_24(section, driver, here) : database_of_23(section, driver, here);
    std::string words;
    for (const DovecotSetting& setting : section.settings) {
        if (std::ranges::find(kSharedWords, setting.name) != std::end(kSharedWords)) {
            words += word_of(setting);
        } else if (is_unknown(setting, new_form ? driver : "")) {
            leave_(setting, "a database has no such setting", section.type);
        }
    }
    takes_names_ += is_ordinary(section) && looks_at_names(section, driver) ? 1 : 0;
    if (database && !database->empty()) {
        auto& list = section.type == "passdb" ? passwords_ : users_;
        list.emplace_back("{ " + words + *database + " }", here);
    }
}

std::optional<std::string> DovecotDatabases::database_of_23(const DovecotSection& section,
                                                            const std::string& driver,
                                                            const DovecotSetting& here) {
    std::string arguments(section.get("args"));
    if (driver == "prefetch") {
        return "";  // the password's database is believed anyway
    }
    if (driver == "passwd-file") {
        return passwd_file(arguments, section, here);
    }
    if (driver == "sql") {
        return "sql:" + arguments;
    }
    if (driver == "ldap") {
        return "ldap:" + arguments;
    }
    if (driver == "static") {
        return "static:" + arguments;
    }
    if (driver == "pam") {
        auto words = split_words(arguments);
        return "pam:" + (words.empty() ? "" : std::string(words.back()));
    }
    if (driver == "passwd" || driver == "shadow") {
        return "passwd:";
    }
    leave_(here, format("there is no database of the type {}", driver), "");
    return std::nullopt;
}

// "scheme=CRYPT username_format=%u /etc/dovecot/users"
std::optional<std::string> DovecotDatabases::passwd_file(const std::string& arguments,
                                                         const DovecotSection& section,
                                                         const DovecotSetting& here) {
    std::string path;
    for (std::string_view word : split_words(arguments)) {
        bool for_all = word.starts_with("scheme=") || word.starts_with("username_format=");
        if (for_all && !is_ordinary(section)) {
            leave_(here, format("{} holds for all databases here", word), "");
        } else if (word.starts_with("scheme=")) {
            set_("auth_default_scheme", uppercase(word.substr(7)), here);
        } else if (word.starts_with("username_format=")) {
            formats_.emplace_back(word.substr(16), here);
        } else {
            path = word;
        }
    }
    if (path.find('%') != std::string::npos) {
        leave_(here, "a file for each user is not looked for: name the files", "");
        return std::nullopt;
    }
    return "passwd-file:" + path;
}

std::optional<std::string> DovecotDatabases::database_of_24(const DovecotSection& section,
                                                            const std::string& driver,
                                                            const DovecotSetting& here) {
    if (driver == "passwd-file") {
        if (const auto* scheme = section.find("default_password_scheme")) {
            set_("auth_default_scheme", uppercase(scheme->value), *scheme);
        }
        return "passwd-file:" + std::string(section.get("passwd_file_path"));
    }
    if (driver == "pam") {
        return "pam:" + std::string(section.get("service_name"));
    }
    if (driver == "passwd") {
        return "passwd:";
    }
    if (driver == "static") {
        std::string fields;
        for (const DovecotSection& inner : section.sections) {
            for (const DovecotSetting& setting : inner.settings) {
                fields += (fields.empty() ? "" : " ") + setting.name + "=" +
                          short_variables(setting.value);
            }
        }
        return "static:" + fields;
    }
    if (driver == "sql") {
        auto path = sql_.add(section);
        return path ? std::optional("sql:" + *path) : std::nullopt;
    }
    leave_(here, format("there is no database of the type {}", driver), "");
    return std::nullopt;
}

void DovecotDatabases::finish(const Elsewhere& elsewhere) {
    set_list("auth_passdb", passwords_);
    set_list("auth_userdb", users_);
    set_username_format(elsewhere);
}

// Whether somebody without the domain in his name would have another home or mailbox.
bool DovecotDatabases::need_domain(const Elsewhere& elsewhere) const {
    return names_domain(elsewhere.mail_places) ||
           std::ranges::any_of(users_, [](const auto& each) { return names_domain(each.first); });
}

// A file's own form is what is looked up in it, ours what a user is called from then on, whatever
// database knows him.  So it goes over only where all have the name before the "@", and nothing
// depends on what is behind.
void DovecotDatabases::set_username_format(const Elsewhere& elsewhere) {
    std::erase_if(formats_,
                  [](const auto& each) { return each.first == "%u" || each.first == "%Lu"; });
    const bool same =
        formats_.size() == takes_names_ && std::ranges::all_of(formats_, [](const auto& each) {
            return each.first == "%n" || each.first == "%Ln";
        });
    const std::string& said = elsewhere.username_format;
    const bool usual = said.empty() || said == "%Lu";
    if (!formats_.empty() && same && usual && !need_domain(elsewhere)) {
        set_("auth_username_format", "%Ln", formats_.front().second);
        return;
    }
    for (const auto& [text, from] : formats_) {
        leave_(
            from,
            format("username_format={} holds for all databases here: auth_username_format", text),
            "");
    }
}

void DovecotDatabases::set_list(const std::string& name, const List& list) {
    std::string text;
    for (const auto& [database, from] : list) {
        text += (text.empty() ? "" : ", ") + database;
    }
    if (!list.empty()) {
        set_(name, text, list.front().second);
    }
}

}  // namespace relais
