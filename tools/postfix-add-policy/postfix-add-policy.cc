// postfix-add-policy(8): Debian's helper for policy services: adds one to master.cf that spawn(8)
// runs.
#include <cstdio>
#include <string>
#include <string_view>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/added_service.h"
#include "lib/config/command.h"
#include "lib/config/config.h"

using namespace relais;

namespace {

constexpr CommandKind kCommand{"postfix-add-policy", 1, CommandLog::kStderr};

std::string entry(std::string_view name, std::string_view user, std::string_view command) {
    return format(
        "{}{} unix    -       n       n       -       0     spawn\n"
        "      user={} argv={}\n",
        added_service_heading(kCommand.name), name, user, command);
}

void show_usage() {
    std::printf(
        "usage: postfix-add-policy service user command\n\n"
        "\"postfix-add-policy policyd nobody /usr/bin/policyd\" adds to master.cf:\n%s",
        entry("policyd", "nobody", "/usr/bin/policyd").c_str());
}

}  // namespace

int main(int argc, char** argv) {
    begin_command(kCommand, argv);
    if (argc != 4) {
        show_usage();
        return 0;
    }
    std::string name = argv[1];
    std::string user = argv[2];
    std::string command = argv[3];
    if (!is_master_cf_word(name) || !is_master_cf_word(user)) {
        log_fatal("the name of a service or of a user is one word");
    }
    if (command.empty() || command.contains('\n')) {
        log_fatal("a command is one line");
    }
    configure_command(kCommand);
    const std::string& directory = conf().config_directory();
    auto taken = service_is_taken(directory, {name});
    if (!taken) {
        log_fatal("{}", taken.error().message);
    }
    if (*taken) {
        std::printf("master.cf has a service %s already, and was not changed.\n", name.c_str());
        return 0;
    }
    auto added = append_to_master_cf(directory, entry(name, user, command));
    if (!added) {
        log_fatal("{}", added.error().message);
    }
    return 0;
}
