// postqueue(1): lists the mail queue, and asks for delivery attempts.  Set-group-id, so that users
// reach the sockets in public/; who may do what is in authorized_mailq_users and
// authorized_flush_users.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/daemon/sandbox.h"
#include "lib/event/loop.h"
#include "lib/ipc/service_client.h"
#include "lib/queue/queue_id.h"
#include "lib/rules/user_access.h"

#include "tools/postqueue/flush_requests.h"
#include "tools/postqueue/queue_report.h"

using namespace relais;

namespace {

// EX_UNAVAILABLE
constexpr CommandKind kCommand{"postqueue", 69};

// The ways to the services that it asks.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kWrite, "public"}},
};

enum class Action { kList, kListJson, kFlush, kFlushSite, kFlushMessage };

struct Options {
    std::optional<Action> action;
    std::string argument;
};

[[noreturn]] void usage() {
    log_fatal(
        "usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s "
        "site");
}

void choose(Options& options, Action action, const char* argument = "") {
    if (options.action) {
        usage();
    }
    options.action = action;
    options.argument = argument;
}

Options parse(int argc, char** argv) {
    Options options;
    int verbose = 0;
    for (int option; (option = ::getopt(argc, argv, "+c:fi:jps:v")) != -1;) {
        switch (option) {
            case 'c':
                use_config_directory(::optarg);
                break;
            case 'f':
                choose(options, Action::kFlush);
                break;
            case 'i':
                choose(options, Action::kFlushMessage, ::optarg);
                break;
            case 'j':
                choose(options, Action::kListJson);
                break;
            case 'p':
                choose(options, Action::kList);
                break;
            case 's':
                choose(options, Action::kFlushSite, ::optarg);
                break;
            case 'v':
                set_log_verbose(++verbose);
                break;
            default:
                usage();
        }
    }
    if (::optind < argc) {
        usage();
    }
    return options;
}

void check_user(std::string_view title, const std::string& list, std::string_view what) {
    if (!user_is_listed(title, list, ::getuid())) {
        log_fatal("User {}({}) is not allowed to {} the mail queue", user_name_of(::getuid()),
                  ::getuid(), what);
    }
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    begin_command(kCommand, argv);
    Options options = parse(argc, argv);
    configure_setgid_command(kCommand);
    if (!options.action) {
        usage();
    }
    if (::chdir(conf().queue_directory().c_str()) != 0) {
        log_fatal("chdir {}: {}", conf().queue_directory(), std::strerror(errno));
    }
    bool lists = *options.action == Action::kList || *options.action == Action::kListJson;
    if (lists) {
        check_user("authorized_mailq_users", conf().authorized_mailq_users(), "view");
    } else {
        check_user("authorized_flush_users", conf().authorized_flush_users(), "flush");
        enter_sandbox(kSandbox);
    }
    switch (*options.action) {
        case Action::kList:
            list_queue(ReportForm::kText, kSandbox);
            break;
        case Action::kListJson:
            list_queue(ReportForm::kJson, kSandbox);
            break;
        case Action::kFlush:
            flush_all();
            break;
        case Action::kFlushSite:
            flush_site(options.argument);
            break;
        case Action::kFlushMessage:
            flush_message(options.argument);
            break;
    }
    return 0;
}
