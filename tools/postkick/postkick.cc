// postkick(1): sends a request to a service of the mail system, for scripts.  Reaches what its
// caller may reach: it has no rights of its own.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/ipc/service_client.h"

using namespace relais;

namespace {

constexpr CommandKind kCommand{"postkick", 1, CommandLog::kStderr};
constexpr int kArguments = 3;
constexpr auto kTriggerTime = std::chrono::seconds(10);  // for the connection and the request

[[noreturn]] void usage() {
    log_fatal("usage: postkick [-c config_dir] [-v] class service request");
}

void parse(int argc, char** argv) {
    int verbose = 0;
    for (int option; (option = ::getopt(argc, argv, "+c:v")) != -1;) {
        switch (option) {
            case 'c':
                use_config_directory(::optarg);
                break;
            case 'v':
                set_log_verbose(++verbose);
                break;
            default:
                usage();
        }
    }
    if (argc - ::optind != kArguments) {
        usage();
    }
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    begin_command(kCommand, argv);
    parse(argc, argv);
    configure_command(kCommand);
    if (::chdir(conf().queue_directory().c_str()) != 0) {
        log_fatal("chdir {}: {}", conf().queue_directory(), std::strerror(errno));
    }
    std::string kind = argv[::optind];
    std::string service = argv[::optind + 1];
    std::string request = argv[::optind + 2];
    auto sent =
        Loop::current().run_task(send_trigger(kind + "/" + service, std::move(request),
                                              kTriggerTime, conf().application_event_drain_time()));
    if (!sent) {
        log_warning("{}", sent.error().message);
        log_warning("Cannot contact class {} service {} - perhaps the mail system is down", kind,
                    service);
        return 1;
    }
    return 0;
}
