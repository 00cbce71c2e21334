// relais(1): what is new in Relais and has no place in a command of Postfix.
//
//   relais --version
//   relais --help
//   relais [-c dir] config sources [name...]         where each value comes from
//   relais [-c dir] config unimplemented [--set]     parameters that nothing reads yet
//   relais [-c dir] dovecot check [dovecot.conf]     what it is in our configuration
//   relais [-c dir] dovecot import [dovecot.conf]    the same, written to main.cf and master.cf
//   relais [-c dir] sessions [user]                  who is logged in
//   relais [-c dir] switch check                     what differs from Postfix, on this machine
//
// It needs no privilege but that of reading and, for import, writing configuration files; sessions
// are told to root alone.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/config/log_setup.h"

#include "tools/relais/config_commands.h"
#include "tools/relais/dovecot_import.h"
#include "tools/relais/session_page.h"
#include "tools/relais/switch_check.h"

using namespace relais;

namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kUsage =
    "usage: relais --version | relais --help | "
    "relais [-c config_dir] config sources [name...] | "
    "relais [-c config_dir] config unimplemented [--set] | "
    "relais [-c config_dir] dovecot check|import [dovecot.conf] | "
    "relais [-c config_dir] sessions [user] | "
    "relais [-c config_dir] switch check";

[[noreturn]] void usage() {
    log_fatal("{}", kUsage);
}

// A line for each form; no configuration is needed for that.
int print_help() {
    std::string text(kUsage);
    for (auto at = text.find(" | "); at != std::string::npos; at = text.find(" | ", at)) {
        text.replace(at, 3, "\n       ");
    }
    std::printf("%s\n", text.c_str());
    return 0;
}

bool asks_for_help(const Words& words) {
    return words == Words{"help"} || std::ranges::any_of(words, [](const std::string& word) {
               return word == "--help" || word == "-h";
           });
}

void load_configuration(const std::string& directory) {
    ConfigOptions wanted;
    wanted.directory = directory;
    wanted.process_name = "relais";
    load_conf(wanted);
}

// For what only tells: where no configuration is yet, that of a new installation.
void load_configuration_if_any(const std::string& directory) {
    ConfigOptions wanted;
    wanted.directory = directory;
    if (::access((config_directory_from(wanted) + "/main.cf").c_str(), F_OK) == 0) {
        load_configuration(directory);
    } else {
        set_conf(Config::from_text(""));
    }
}

int print_version() {
    auto level = Config::from_text("").mail_version();
    std::printf("Relais %s (the release level of Postfix %s)\n", RELAIS_VERSION,
                level.substr(0, level.find("-relais")).c_str());
    return 0;
}

int run_dovecot(const std::string& directory, const Words& words) {
    std::string path = words.size() == 3 ? words[2] : "/etc/dovecot/dovecot.conf";
    if (words[1] == "check") {
        load_configuration_if_any(directory);
        return dovecot_check(path);
    }
    if (words[1] == "import") {
        load_configuration(directory);
        return dovecot_import(path);
    }
    usage();
}

int run(Words words) {
    if (asks_for_help(words)) {
        return print_help();
    }
    std::string directory;
    if (words.size() >= 2 && words[0] == "-c") {
        directory = words[1];
        words.erase(words.begin(), words.begin() + 2);
    }
    if (words.size() >= 2 && words.size() <= 3 && words[0] == "dovecot") {
        return run_dovecot(directory, words);
    }
    if (!words.empty() && words.size() <= 2 && words[0] == "sessions") {
        load_configuration(directory);
        return print_session_page(words.size() == 2 ? words[1] : "");
    }
    if (words == Words{"switch", "check"}) {
        return switch_check(directory);
    }
    if (words.size() < 2 || words[0] != "config") {
        usage();
    }
    std::string command = words[1];
    words.erase(words.begin(), words.begin() + 2);
    if (command == "sources") {
        load_configuration(directory);
        return config_sources(words);
    }
    if (command == "unimplemented" && words.empty()) {
        return config_unimplemented();
    }
    if (command == "unimplemented" && words.size() == 1 && words[0] == "--set") {
        load_configuration(directory);
        return config_unimplemented_set();
    }
    usage();
}

}  // namespace

int main(int argc, char** argv) {
    open_early_log("relais", LogStderr::kYes);
    Words words(argv + 1, argv + argc);
    int status = words.size() == 1 && words[0] == "--version" ? print_version() : run(words);
    return std::fflush(stdout) == 0 ? status : 1;
}
