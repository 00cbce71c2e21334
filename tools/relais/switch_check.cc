#include "tools/relais/switch_check.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/run_program.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/config/services.h"
#include "lib/config/values.h"
#include "lib/config/without_effect.h"
#include "lib/maps/registry.h"
#include "lib/maps/table_flags.h"

namespace relais {

namespace {

// Table types that some builds of Postfix have and no build of Relais.
constexpr std::array<std::string_view, 5> kForeignTables = {"dbm", "netinfo", "nis", "nisplus",
                                                            "sdbm"};
// Types whose tables are files, opened to see whether they can be read.
constexpr std::array<std::string_view, 10> kTablesInFiles = {
    "btree", "cdb", "cidr", "hash", "inline", "lmdb", "pcre", "pipemap", "regexp", "texthash"};
// Types that come as plug-ins. Before the switch the plug-ins are Postfix's, which no other can
// open.
constexpr std::array<std::string_view, 5> kPlugins = {"ldap", "mongodb", "mysql", "pgsql",
                                                      "sqlite"};
constexpr int kMaxDepth = 20;  // braces in braces
constexpr const char* kDovecotConf = "/etc/dovecot/dovecot.conf";

template <class Range>
bool contains(const Range& range, std::string_view value) {
    return std::ranges::find(range, value) != std::end(range);
}

// Where this program lies: Postfix's programs may still be in the places of ours.
std::filesystem::path own_directory() {
    std::error_code error;
    return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

bool is_executable(const std::filesystem::path& path) {
    return ::access(path.c_str(), X_OK) == 0;
}

// `path`: where Postfix has it, or where it would.
bool is_own_daemon(const std::filesystem::path& path) {
    auto here = own_directory();
    std::error_code error;
    auto place = std::filesystem::canonical(path, error).parent_path();
    return std::ranges::any_of(
        std::array{here, here / "../lib/postfix/sbin", here / "../lib/postfix/bin"},
        [&](const auto& folder) {
            return is_executable(folder / path.filename()) ||
                   (!place.empty() && place == std::filesystem::weakly_canonical(folder, error));
        });
}

class Check {
  public:
    int run(const std::string& directory) {
        look_at(directory);
        for (const auto& other : split_list(conf().multi_instance_directories())) {
            look_at(std::string(other));
        }
        if (::access(kDovecotConf, R_OK) == 0) {
            tell(kDovecotConf, "what becomes of it, \"relais dovecot check\" says line by line");
        }
        if (findings_ == 0) {
            std::puts("no difference found");
        }
        return findings_ == 0 ? 0 : 1;
    }

  private:
    void look_at(const std::string& directory) {
        ConfigOptions options;
        options.directory = directory;
        options.process_name = "relais";
        load_conf(options);
        auto services = load_services(conf());
        if (!services) {
            tell("", services.error().message);
            services = std::vector<MasterService>();
        }
        check_values(*services);
        check_names(config_directory_from(options));
        check_tables(*services);
        for (const auto& service : *services) {
            check_program(service);
        }
    }

    void tell(const std::string& place, std::string_view text) {
        auto line = place.empty() ? std::string(text) : format("{}: {}", place, text);
        std::puts(printable(line).c_str());
        ++findings_;
    }

    void check_values(const std::vector<MasterService>& services) {
        for (const auto& problem : conf().check()) {
            tell("", problem);
        }
        for (const auto& setting : settings_without_effect(conf(), services)) {
            tell(setting.place, format("{} = {}: has no effect", setting.name, setting.value));
        }
    }

    // Names that nothing knows or that are to go, and errors in files of tables: postconf's
    // warnings.
    void check_names(const std::string& directory) {
        auto result = run_program({own_directory() / "postconf", "-c", directory, "-n"});
        if (!result) {
            tell("postconf", result.error().message);
            return;
        }
        if (!result->ok && result->complaints.empty()) {
            tell("postconf", "failed without a word");
        }
        for (std::string_view line : split_words(result->complaints, "\n")) {
            auto begin = line.find(": ");  // behind the program's name
            line.remove_prefix(begin == line.npos ? 0 : begin + 2);
            line.remove_prefix(line.starts_with("warning: ") ? 9 : 0);
            tell("", line);
        }
    }

    void check_tables(const std::vector<MasterService>& services) {
        for (const auto& name : conf().names()) {
            const auto* set = conf().setting(name);
            if (set->line > 0) {
                check_tables_of(name, set->value, format("{}:{}", set->file, set->line));
            }
        }
        for (const auto& service : services) {
            for (const auto& text : parameter_settings(service.arguments)) {
                if (auto setting = parse_assignment(text)) {
                    check_tables_of(setting->name, setting->value,
                                    format("{}:{}", service.file, service.line));
                }
            }
        }
    }

    // Caches are made when they are first needed.
    void check_tables_of(std::string_view name, std::string_view value, const std::string& place) {
        auto expanded = conf().expand_text(value);
        if (expanded && !name.contains("cache") && name != "address_verify_map") {
            check_list(*expanded, format("{}: {}", place, name), 0);
        }
    }

    void check_list(std::string_view text, const std::string& place, int depth) {
        for (std::string_view word : split_list(text)) {
            if (word.starts_with('{')) {
                auto inside = strip_braces(word);
                if (inside && depth < kMaxDepth) {
                    check_list(*inside, place, depth + 1);
                }
                continue;
            }
            while (word.starts_with("proxy:") || word.starts_with("debug:")) {
                word.remove_prefix(6);
            }
            if (seen_.emplace(word).second) {
                check_table(word, place);
            }
        }
    }

    void check_table(std::string_view word, const std::string& place) {
        auto reference = parse_table_reference(word);
        if (!reference) {
            return;
        }
        if (contains(kForeignTables, reference->type)) {
            tell(place, format("{}: Relais has no tables of this type", word));
        } else if (contains(kTablesInFiles, reference->type)) {
            auto table = open_table(word, OpenMode::kRead, table_flag::kMail);
            if (!table) {
                tell(place, table.error().message);
            }
        } else if (contains(kPlugins, reference->type) &&
                   !contains(table_type_names(), reference->type)) {
            tell(place, format("{}: needs the package postfix-{}", word, reference->type));
        }
    }

    // Daemons that others have added to Postfix.
    void check_program(const MasterService& service) {
        bool is_path = service.command.contains('/');
        auto path = is_path ? service.command : conf().daemon_directory() + "/" + service.command;
        if (is_own_daemon(path)) {
            return;
        }
        auto place = format("{}:{}: {}/{}", service.file, service.line, service.name,
                            service_type_name(service.type));
        auto program = read_file(path);
        if (!program) {
            tell(place, program.error().message);
        } else if (program->contains("libpostfix-")) {
            tell(place, format("{} is no daemon of Relais and needs libraries that go with "
                               "Postfix: it will not start",
                               path));
        } else {
            tell(place, format("{} is no daemon of Relais: it is run as it is", path));
        }
    }

    int findings_ = 0;
    std::set<std::string, std::less<>> seen_;  // tables
};

}  // namespace

int switch_check(const std::string& directory) {
    return Check().run(directory);
}

}  // namespace relais
