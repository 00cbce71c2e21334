// relais(1): what is new in Relais and has no place in a command of Postfix.
//
//   relais --version
//   relais [-c dir] config sources [name...]         where each value comes from
//   relais [-c dir] config unimplemented [--set]     parameters that nothing reads yet
//   relais [-c dir] dovecot check [dovecot.conf]     what it is in our configuration
//   relais [-c dir] dovecot import [dovecot.conf]    the same, written to main.cf and master.cf
//   relais [-c dir] sessions [user]                  who is logged in
//   relais [-c dir] switch check                     what differs from Postfix, on this machine
//
// It needs no privilege but that of reading and, for import, writing configuration files; sessions
// are told to root alone.
#include <cstdio>
#include <cstdlib>
#include <string>
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

[[noreturn]] void usage() {
    log_fatal(
        "usage: relais --version | relais [-c config_dir] config sources [name...] | "
        "relais [-c config_dir] config unimplemented [--set] | "
        "relais [-c config_dir] dovecot check|import [dovecot.conf] | "
        "relais [-c config_dir] sessions [user] | "
        "relais [-c config_dir] switch check");
}

void load_configuration(const std::string& directory) {
    ConfigOptions wanted;
    wanted.directory = directory;
    wanted.process_name = "relais";
    load_conf(wanted);
}

int print_version() {
    auto level = Config::from_text("").mail_version();
    std::printf("Relais %s (the release level of Postfix %s)\n", RELAIS_VERSION,
                level.substr(0, level.find("-relais")).c_str());
    return 0;
}

int run_dovecot(const std::string& directory, const std::vector<std::string>& words) {
    std::string path = words.size() == 3 ? words[2] : "/etc/dovecot/dovecot.conf";
    load_configuration(directory);
    if (words[1] == "check") {
        return dovecot_check(path);
    }
    if (words[1] == "import") {
        return dovecot_import(path);
    }
    usage();
}

int run(std::vector<std::string> words) {
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
    if (words == std::vector<std::string>{"switch", "check"}) {
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
    std::vector<std::string> words(argv + 1, argv + argc);
    int status = words.size() == 1 && words[0] == "--version" ? print_version() : run(words);
    return std::fflush(stdout) == 0 ? status : 1;
}
