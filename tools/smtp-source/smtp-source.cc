// smtp-source(1): makes load for an SMTP or LMTP server, in any number of sessions at once.
//
// Reads no configuration and talks to nobody but that server.  One process, one thread: a session
// is a coroutine.  With -P the commands of a transaction and the content of the last message leave
// in one write.
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/event/task_group.h"
#include "lib/load/endpoint.h"
#include "lib/load/source.h"

#include "tools/smtp-source/message.h"
#include "tools/smtp-source/session.h"

using namespace relais;
using namespace relais::smtp_source;

namespace {

struct Options {
    load::SourceOptions load;
    Plan plan;
    ContentOptions content;
    int family = AF_UNSPEC;
    std::string server;
};

[[noreturn]] void usage(const char* name) {
    log_fatal(
        "usage: {} -cdLNov -s sess -l msglen -m msgs -C count -M myhostname -f from -t to -r "
        "rcptcount -R delay -w delay host[:port]",
        name);
}

bool take_load_option(int option, load::SourceOptions& load) {
    switch (option) {
        case 'c':
            load.count = true;
            return true;
        case 'C':
            load.connect_tries = load::required_number("connection count", ::optarg);
            return true;
        case 'f':
            load.from = ::optarg;
            load.from_is_set = true;
            return true;
        case 'm':
            load.messages = load::required_number("message count", ::optarg);
            return true;
        case 'M':
            load.my_name = load::checked_name(::optarg);
            return true;
        case 'r':
            load.recipients = load::required_number("recipient count", ::optarg);
            return true;
        case 'R':
            load.random_pause = load::required_number("random delay", ::optarg);
            break;
        case 's':
            load.sessions = load::required_number("session count", ::optarg);
            return true;
        case 't':
            load.to = ::optarg;
            load.to_is_set = true;
            return true;
        case 'T':
            load.window = load::required_number("TCP window size", ::optarg);
            return true;
        case 'w':
            load.fixed_pause = load::required_number("fixed delay", ::optarg);
            break;
        default:
            return false;
    }
    if (load.random_pause > 0 && load.fixed_pause > 0) {
        log_fatal("do not use -w and -R options at the same time");
    }
    return true;
}

bool take_content_option(int option, ContentOptions& content) {
    switch (option) {
        case 'F':
            content.file = ::optarg;
            break;
        case 'l':
            content.length =
                static_cast<std::size_t>(load::required_number("message length", ::optarg));
            break;
        case 'S':
            content.subject = ::optarg;
            break;
        default:
            return false;
    }
    if (!content.file.empty() && content.length > 0) {
        log_fatal("-l option cannot be used with -F");
    }
    return true;
}

bool take_plan_option(int option, Plan& plan) {
    switch (option) {
        case 'A':
            plan.goes_on = true;
            return true;
        case 'd':
            plan.keeps_connection = true;
            return true;
        case 'L':
            plan.lmtp = true;
            return true;
        case 'N':
            plan.numbers_recipients = true;
            return true;
        case 'o':
            plan.says_helo = false;
            return true;
        case 'P':
            plan.pipelines = true;
            return true;
        default:
            return false;
    }
}

Options parse(int argc, char** argv) {
    Options options;
    int verbose = 0;
    for (int option;
         (option = ::getopt(argc, argv, "+46AcC:df:F:l:Lm:M:Nor:R:s:S:t:T:vw:P")) != -1;) {
        if (option == '4' || option == '6') {
            options.family = load::family_option(option);
        } else if (option == 'v') {
            set_log_verbose(++verbose);
        } else if (!take_load_option(option, options.load) &&
                   !take_content_option(option, options.content) &&
                   !take_plan_option(option, options.plan)) {
            usage(argv[0]);
        }
    }
    if (argc - ::optind != 1) {
        usage(argv[0]);
    }
    options.server = argv[::optind];
    options.content.has_header = options.plan.says_helo && options.content.file.empty();
    options.load.complete();
    return options;
}

Task<void> send_all(load::Source& source, const Plan& plan, const Content& content) {
    const int count = std::min(source.options().sessions, source.options().messages);
    std::vector<std::unique_ptr<Session>> sessions;
    TaskGroup group;
    for (int number = 1; number <= count; ++number) {
        sessions.push_back(std::make_unique<Session>(source, plan, content, number));
        group.spawn(sessions.back()->run());
    }
    co_await group.join();
    source.finish();
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    load::open_stderr_log(argv[0]);
    Options options = parse(argc, argv);
    Content content(options.content);
    load::Source source(options.load,
                        load::server_endpoint(options.server, "smtp", options.family));
    Loop& loop = Loop::current();
    loop.before_sleep([] { std::fflush(stdout); });
    loop.run_task(send_all(source, options.plan, content));
    return 0;
}
