// doveconf(1): the settings of the mailbox server under the names that Dovecot 2.3 has for them,
// for scripts that look at them.  What it prints comes from main.cf and master.cf.
//
//     doveconf [-anhS] [-c config_dir] [name ...]
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/utsname.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/config/services.h"
#include "lib/config/values.h"

using namespace relais;

namespace {

constexpr CommandKind kKind{"doveconf", 89, CommandLog::kStderr};

struct Options {
    bool changed_only = false;  // -n
    bool values_only = false;   // -h
    bool simple = false;        // -S: "name=value", a line each
    std::vector<std::string> names;
};

// A setting of theirs, the parameter that it is here, and how its value is written there.
struct Setting {
    std::string_view theirs;
    std::string_view ours;
    std::string (*write)(const std::string& value);
};

std::string as_is(const std::string& value) {
    return value;
}

std::string in_file(const std::string& value) {
    return value.empty() ? "" : "<" + value;
}

std::string words(const std::string& value) {
    std::string text;
    for (std::string_view word : split_words(value, ", \t")) {
        text += (text.empty() ? "" : " ") + lowercase(word);
    }
    return text;
}

std::string tls_level(const std::string& value) {
    return value == "none" ? "no" : value == "encrypt" ? "required" : "yes";
}

std::string log_path(const std::string& value) {
    return value.empty() ? "syslog" : value;
}

constexpr Setting kSettings[] = {
    {"auth_failure_delay", "auth_failure_delay", as_is},
    {"auth_mechanisms", "auth_mechanisms", words},
    {"auth_username_format", "auth_username_format", as_is},
    {"disable_plaintext_auth", "imap_tls_auth_only", as_is},
    {"first_valid_gid", "imap_minimum_gid", as_is},
    {"first_valid_uid", "imap_minimum_uid", as_is},
    {"log_path", "maillog_file", log_path},
    {"mail_gid", "auth_default_gid", as_is},
    {"mail_home", "auth_default_home", as_is},
    {"mail_location", "imap_mail_location", as_is},
    {"mail_max_userip_connections", "imap_user_session_limit", as_is},
    {"mail_uid", "auth_default_uid", as_is},
    {"pop3_uidl_duplicates", "pop3_uidl_duplicates", as_is},
    {"pop3_uidl_format", "pop3_uidl_format", as_is},
    {"ssl", "imap_tls_security_level", tls_level},
    {"ssl_cert", "imap_tls_cert_file", in_file},
    {"ssl_key", "imap_tls_key_file", in_file},
};

using Lines = std::vector<std::pair<std::string, std::string>>;

struct Section {
    std::string head;  // "passdb", "namespace inbox"
    Lines settings;
    std::vector<Section> sections = {};
};

bool is_set(std::string_view parameter) {
    const auto* setting = conf().setting(parameter);
    return setting != nullptr && setting->line > 0;
}

// The protocols whose login services run.
std::string protocols() {
    auto services = load_services(conf());
    std::set<std::string> found;
    for (const MasterService& service : services ? *services : std::vector<MasterService>()) {
        for (std::string_view protocol : {"imap", "pop3"}) {
            if (service.command == std::string(protocol) + "-login") {
                found.emplace(protocol);
            }
        }
    }
    return join({found.begin(), found.end()}, " ");
}

Lines plain_settings(const Options& options) {
    Lines lines;
    for (const Setting& setting : kSettings) {
        auto value = conf().find(setting.ours);
        if (value && (!options.changed_only || is_set(setting.ours) || !options.names.empty())) {
            lines.emplace_back(setting.theirs, setting.write(*value));
        }
    }
    lines.emplace_back("protocols", protocols());
    std::ranges::sort(lines);
    return lines;
}

// "{ sql:/etc/dovecot/dovecot-sql.conf.ext }, ..." of auth_passdb and auth_userdb.
void add_databases(std::vector<Section>& sections, const std::string& kind,
                   const std::string& value) {
    for (std::string_view item : split_list(value)) {
        auto bare = item.starts_with('{') ? strip_braces(item) : Result<std::string_view>(item);
        auto parts = bare ? split_first(trim(*bare), ':') : std::nullopt;
        if (parts) {
            sections.push_back(
                {kind,
                 {{"args", std::string(parts->second)}, {"driver", std::string(parts->first)}}});
        }
    }
}

std::vector<Section> all_sections() {
    std::vector<Section> sections;
    Section inbox{"namespace inbox", {{"inbox", "yes"}, {"location", ""}}};
    for (std::string_view use : split_words(conf().imap_special_use(), ", \t")) {
        if (auto parts = split_first(use, '=')) {
            inbox.sections.push_back({"mailbox " + std::string(parts->first),
                                      {{"special_use", std::string(parts->second)}}});
        }
    }
    inbox.settings.emplace_back("prefix", "");
    inbox.settings.emplace_back("separator", conf().imap_hierarchy_separator());
    sections.push_back(std::move(inbox));
    std::string files = conf().auth_users_file();
    std::string passdb = conf().auth_passdb();
    if (passdb.empty() && !files.empty()) {
        passdb = format("{{ passwd-file:{} }}", files);
    }
    add_databases(sections, "passdb", passdb);
    add_databases(sections, "userdb", conf().auth_userdb());
    return sections;
}

void print_line(const Options& options, const std::string& indent, const std::string& name,
                const std::string& value) {
    std::string line = options.values_only ? value
                       : options.simple    ? format("{}={}", name, value)
                                           : format("{}{} = {}", indent, name, value);
    std::puts(line.c_str());
}

void print_section(const Options& options, const Section& section, const std::string& indent) {
    std::puts((indent + section.head + " {").c_str());
    std::map<std::string, std::function<void()>> parts;  // by name, as doveconf sorts them
    for (const auto& [name, value] : section.settings) {
        parts[name] = [&] { print_line(options, indent + "  ", name, value); };
    }
    for (const Section& inner : section.sections) {
        parts[inner.head] = [&] { print_section(options, inner, indent + "  "); };
    }
    for (const auto& [name, print] : parts) {
        print();
    }
    std::puts((indent + "}").c_str());
}

// What has been asked for by name, in that order.
void print_named(const Options& options, const Lines& lines, const std::vector<Section>& sections) {
    for (const std::string& name : options.names) {
        auto found = std::ranges::find(lines, name, &Lines::value_type::first);
        if (found != lines.end()) {
            print_line(options, "", found->first, found->second);
        }
        for (const Section& section : sections) {
            if (split_words(section.head)[0] == name) {
                print_section(options, section, "");
            }
        }
    }
}

void print_all(const Options& options, const Lines& lines, const std::vector<Section>& sections) {
    utsname system{};
    ::uname(&system);
    std::puts(
        format("# 2.3 (Relais {}): {}/main.cf", RELAIS_VERSION, conf().config_directory()).c_str());
    std::puts(format("# OS: {} {} {}", system.sysname, system.release, system.machine).c_str());
    std::puts(format("# Hostname: {}", system.nodename).c_str());
    std::multimap<std::string, std::function<void()>> parts;
    for (const auto& [name, value] : lines) {
        parts.emplace(name, [&] { print_line(options, "", name, value); });
    }
    for (const Section& section : sections) {
        parts.emplace(section.head, [&] { print_section(options, section, ""); });
    }
    for (const auto& [name, print] : parts) {
        print();
    }
}

Options parse(int argc, char** argv) {
    Options options;
    for (int option; (option = ::getopt(argc, argv, "ac:hnS")) != -1;) {
        switch (option) {
            case 'a':
                options.changed_only = false;
                break;
            case 'c':
                use_config_directory(::optarg);
                break;
            case 'h':
                options.values_only = true;
                break;
            case 'n':
                options.changed_only = true;
                break;
            case 'S':
                options.simple = true;
                break;
            default:
                std::exit(kKind.fatal_status);
        }
    }
    options.names.assign(argv + ::optind, argv + argc);
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    begin_command(kKind, argv);
    Options options = parse(argc, argv);
    configure_command(kKind);
    Lines lines = plain_settings(options);
    auto sections = all_sections();
    if (options.names.empty()) {
        print_all(options, lines, sections);
    } else {
        print_named(options, lines, sections);
    }
    return std::fflush(stdout) == 0 ? 0 : kKind.fatal_status;
}
