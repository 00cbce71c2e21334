// relais(1): what is new in Relais and has no place in a command of Postfix.
//
//   relais --version
//   relais [-c dir] config sources [name...]         where each value comes from
//   relais [-c dir] config unimplemented [--set]     parameters that nothing reads yet
//
// It only reads configuration files, and needs no privilege.
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

using namespace relais;

namespace {

[[noreturn]] void usage() {
    log_fatal(
        "usage: relais --version | relais [-c config_dir] config sources [name...] | "
        "relais [-c config_dir] config unimplemented [--set]");
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

int run(std::vector<std::string> words) {
    std::string directory;
    if (words.size() >= 2 && words[0] == "-c") {
        directory = words[1];
        words.erase(words.begin(), words.begin() + 2);
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
