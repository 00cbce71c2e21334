#include "tools/relais/dovecot_sql.h"

#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "tools/relais/dovecot_values.h"

namespace relais {

namespace {

// 2.4 takes a section's settings with or without the section's name in front.
struct Named {
    std::string_view setting;
    std::string_view theirs_long;
    std::string_view section;
    std::string_view in_file;  // as the file of 2.3 has it; empty: not there
};

constexpr std::array<Named, 7> kSettings = {{
    {"query", "passdb_sql_query", "passdb", "password_query"},
    {"query", "userdb_sql_query", "userdb", "user_query"},
    {"iterate_query", "userdb_sql_iterate_query", "userdb", "iterate_query"},
    {"default_password_scheme", "passdb_default_password_scheme", "passdb", "default_pass_scheme"},
    {"sql_driver", "sql_driver", "", ""},
    {"sqlite_path", "sqlite_path", "", ""},
    {"driver", "driver", "", ""},
}};

constexpr std::array<std::string_view, 12> kConnectWords = {
    "port",     "user",    "password",   "dbname",      "ssl_ca",       "ssl_ca_path",
    "ssl_cert", "ssl_key", "ssl_cipher", "option_file", "option_group", "ssl_verify_server_cert"};

// Where a file says nothing, 2.4 takes passwords as they are.
constexpr std::string_view kDefaultScheme = "PLAIN";

const Named* find_named(std::string_view name, std::string_view section) {
    const auto* found = std::ranges::find_if(kSettings, [&](const Named& each) {
        return (each.setting == name || each.theirs_long == name) &&
               (each.section.empty() || section.empty() || each.section == section);
    });
    return found == kSettings.end() ? nullptr : found;
}

std::string quoted(std::string_view value) {
    std::string out = "\"";
    for (char c : value) {
        out += c == '"' || c == '\\' ? "\\" : "";
        out += c;
    }
    return out + '"';
}

// "mysql_ssl_ca" within "mysql NAME { }" is "ssl_ca".
std::string_view without_prefix(std::string_view name, std::string_view driver) {
    bool prefixed = name.starts_with(driver) && name.substr(driver.size()).starts_with('_');
    return prefixed ? name.substr(driver.size() + 1) : name;
}

}  // namespace

bool DovecotSql::is_own(std::string_view setting) {
    return find_named(setting, "") != nullptr;
}

bool DovecotSql::take(const DovecotSetting& setting) {
    if (setting.name == "sql_driver") {
        driver_ = setting.value;
    } else if (setting.name == "sqlite_path") {
        database_ = setting.value;
    } else {
        return false;
    }
    return true;
}

bool DovecotSql::take(const DovecotSection& section) {
    if (section.type != "mysql" && section.type != "pgsql") {
        return false;
    }
    Server server{section.type, section.name, {}};
    add_words(section, &server.words);
    for (const DovecotSection& inner : section.sections) {
        add_words(inner, &server.words);  // "parameters { }"
    }
    std::ranges::sort(server.words);
    // In a file, what is said of the connection holds for all hosts.
    auto first = std::ranges::find(servers_, server.driver, &Server::driver);
    if (first != servers_.end() && first->words != server.words) {
        leave_({section.type, section.name, section.line, false, section.file},
               format("its settings differ from those of {}, which is used alone", first->host),
               "");
        return true;
    }
    servers_.push_back(std::move(server));
    return true;
}

void DovecotSql::add_words(const DovecotSection& section, Words* words) {
    for (const DovecotSetting& setting : section.settings) {
        std::string_view name = without_prefix(setting.name, section.type);
        bool whole = section.type == "parameters";  // libpq's words
        if (!whole && std::ranges::find(kConnectWords, name) == kConnectWords.end()) {
            leave_(setting, "the connection has no such setting", section.type);
        } else if (setting.value.contains('\'')) {
            leave_(setting, "a value with a quote in it cannot be written there", section.type);
        } else {
            words->emplace_back(name, setting.value);
        }
    }
}

// One for a passdb and its userdb.
DovecotSql::File& DovecotSql::file_for(const std::string& driver, const std::string& database,
                                       std::string_view section_type) {
    std::string_view query = section_type == "passdb" ? "password_query" : "user_query";
    for (File& file : files_) {
        bool same = file.driver == driver && file.database == database;
        auto has = [query](const auto& word) { return word.first == query; };
        if (same && std::ranges::none_of(file.settings, has)) {
            return file;
        }
    }
    std::string number = files_.empty() ? "" : format("-{}", files_.size() + 1);
    files_.push_back(
        {format("{}/dovecot-sql{}.conf.ext", directory_, number), driver, database, {}});
    return files_.back();
}

std::optional<std::string> DovecotSql::add(const DovecotSection& section) {
    DovecotSetting here{section.type, "sql", section.line, false, section.file};
    std::string driver =
        section.find("sql_driver") == nullptr ? driver_ : std::string(section.get("sql_driver"));
    if (driver != "mysql" && driver != "pgsql" && driver != "sqlite") {
        leave_(here,
               driver.empty() ? "sql_driver does not say what kind of server it is"
                              : format("there is no client for {}", driver),
               "");
        return std::nullopt;
    }
    std::string database = section.find("sqlite_path") == nullptr
                               ? database_
                               : std::string(section.get("sqlite_path"));
    File& file = file_for(driver, database, section.type);
    for (const DovecotSetting& setting : section.settings) {
        const Named* named = find_named(setting.name, section.type);
        if (named != nullptr && !named->in_file.empty()) {
            file.settings.emplace_back(named->in_file, short_variables(setting.value));
        }
    }
    for (const DovecotSection& inner : section.sections) {
        for (const DovecotSetting& setting : inner.settings) {
            leave_(setting, "fields are what the query makes them", section.type);
        }
    }
    return file.path;
}

// In quotes libpq takes a backslash for a sign of its own.
static std::string with_double_backslashes(std::string_view value) {
    std::string out;
    for (char c : value) {
        out.append(c == '\\' ? 2 : 1, c);
    }
    return out;
}

std::string DovecotSql::connect(const File& file) const {
    if (file.driver == "sqlite") {
        return file.database;
    }
    Words words;
    Words common;
    for (const Server& server : servers_) {
        if (server.driver == file.driver) {
            words.emplace_back("host", server.host);
            common = server.words;  // all of them have these
        }
    }
    words.insert(words.end(), common.begin(), common.end());
    std::string text;
    for (const auto& [name, value] : words) {
        if (!value.empty()) {
            text += format("{}{}='{}'", text.empty() ? "" : " ", name,
                           file.driver == "pgsql" ? with_double_backslashes(value) : value);
        }
    }
    return text;
}

std::map<std::string, std::string> DovecotSql::files() const {
    std::map<std::string, std::string> texts;
    for (const File& file : files_) {
        Words words = {{"driver", file.driver}, {"connect", connect(file)}};
        words.insert(words.end(), file.settings.begin(), file.settings.end());
        auto is_scheme = [](const auto& word) { return word.first == "default_pass_scheme"; };
        if (std::ranges::none_of(words, is_scheme)) {
            words.emplace_back("default_pass_scheme", kDefaultScheme);
        }
        std::string& text = texts[file.path];
        for (const auto& [name, value] : words) {
            text += format("{} = {}\n", name, quoted(value));
        }
    }
    return texts;
}

}  // namespace relais
