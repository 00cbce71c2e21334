// smtp-sink(1): an SMTP or LMTP server that throws away whatever it gets, or dumps it into files,
// and fails where it is told to: for measuring and for testing clients.
//
// Reads no configuration.  Whoever can connect may send anything: a command line, and what is kept
// of one, is bounded; content is looked at as it passes and never held.
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/daemon/privileges.h"
#include "lib/daemon/sandbox.h"
#include "lib/event/socket.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"
#include "lib/load/endpoint.h"

#include "tools/smtp-sink/session.h"
#include "tools/smtp-sink/settings.h"

using namespace relais;
using namespace relais::smtp_sink;

namespace {

// Besides what it dumps.
constexpr SandboxTable kSandbox = {
    .files = {},
};

struct Options {
    Settings settings;
    int family = AF_UNSPEC;
    int window = 0;
    std::string root, user;
    std::string address;
    int backlog = 0;
};

[[noreturn]] void usage(const char* name) {
    log_fatal(
        "usage: {} [-468acCeEFLpPv] [-A abort_delay] [-b soft_bounce_reply] "
        "[-B hard_bounce_reply] [-d dump-template] [-D dump-template] [-f commands] [-h hostname] "
        "[-m max_concurrency] [-M message_quit_count] [-n quit_count] [-q commands] [-r commands] "
        "[-R root-dir] [-s commands] [-S start-string] [-u user_privs] [-w delay] [host]:port "
        "backlog",
        name);
}

// A delay that may be zero: nonsense is a mistake in the command line as a whole.
std::chrono::seconds delay(const char* name) {
    if (!is_digit(*::optarg)) {
        usage(name);
    }
    return std::chrono::seconds(load::number_option(::optarg, 0));
}

std::string reply(char klass, const char* what, const char* name) {
    std::string_view text = ::optarg;
    bool fits = text.size() >= 3 && text[0] == klass && is_digit(text[1]) && is_digit(text[2]) &&
                (text.size() == 3 || text[3] == ' ' || text[3] == '-');
    if (!fits) {
        log_error("bad {} error reply: {}", what, text);
        usage(name);
    }
    return std::string(text);
}

bool take_offer_option(int option, Settings& settings) {
    switch (option) {
        case '8':
            settings.offers_8bitmime = false;
            return true;
        case 'a':
            settings.offers_auth = false;
            return true;
        case 'C':
            settings.offers_xclient = false;
            return true;
        case 'e':
            settings.esmtp = false;
            return true;
        case 'E':
            settings.offers_status_codes = false;
            return true;
        case 'F':
            settings.offers_xforward = false;
            return true;
        case 'L':
            settings.lmtp = true;
            return true;
        case 'N':
            settings.offers_dsn = false;
            return true;
        case 'p':
            settings.offers_pipelining = false;
            return true;
        case 'P':
            settings.looks_like_pix = true;
            settings.esmtp = false;
            return true;
        default:
            return false;
    }
}

bool take_failure_option(int option, Settings& settings, const char* name) {
    switch (option) {
        case 'A':
            settings.abort_delay = delay(name);
            return true;
        case 'b':
            settings.soft_reply = reply('4', "soft", name);
            return true;
        case 'B':
            settings.hard_reply = reply('5', "hard", name);
            return true;
        case 'f':
            mark_verbs(settings, ::optarg, &AtVerb::hard_error);
            settings.offers_pipelining = false;
            return true;
        case 'q':
            mark_verbs(settings, ::optarg, &AtVerb::hangs_up);
            return true;
        case 'Q':
            mark_verbs(settings, ::optarg, &AtVerb::closes);
            return true;
        case 'r':
            mark_verbs(settings, ::optarg, &AtVerb::soft_error);
            settings.offers_pipelining = false;
            return true;
        case 'H':
            settings.data_read_delay =
                std::chrono::seconds(load::required_number("data read delay", ::optarg, 0));
            return true;
        case 'w':
            settings.at(Verb::kData).delay = delay(name);
            return true;
        case 'W':
            take_delay(settings, ::optarg);
            return true;
        default:
            return false;
    }
}

bool take_dump_option(int option, Settings& settings) {
    if (option == 'S') {
        settings.start_string = unescaped(::optarg).c_str();  // up to a NUL
        return true;
    }
    if (option != 'd' && option != 'D') {
        return false;
    }
    settings.dumps_twice = settings.dumps_twice || !settings.dump_template.empty();
    settings.dump_template = ::optarg;
    settings.dumps_append = option == 'D';
    return true;
}

bool take_limit_option(int option, Settings& settings) {
    switch (option) {
        case 'c':
            settings.counts = true;
            return true;
        case 'h':
            settings.host_name = ::optarg;
            return true;
        case 'm':
            settings.max_sessions =
                static_cast<std::size_t>(load::required_number("concurrency limit", ::optarg));
            return true;
        case 'M':
            settings.quit_after_messages = load::required_number("message quit count", ::optarg);
            return true;
        case 'n':
            settings.quit_after_sessions = load::required_number("quit count", ::optarg);
            return true;
        case 's':
            // Before the root directory changes.
            ::openlog("smtp-sink", LOG_PID | LOG_NDELAY, LOG_MAIL);
            mark_verbs(settings, ::optarg, &AtVerb::is_logged);
            return true;
        case 't':
            settings.timeout = std::chrono::seconds(load::required_number("timeout", ::optarg));
            return true;
        default:
            return false;
    }
}

bool take_process_option(int option, Options& options) {
    switch (option) {
        case '4':
        case '6':
            options.family = load::family_option(option);
            return true;
        case 'R':
            options.root = ::optarg;
            return true;
        case 'T':
            options.window = load::required_number("TCP window size", ::optarg);
            return true;
        case 'u':
            options.user = ::optarg;
            return true;
        default:
            return false;
    }
}

Options parse(int argc, char** argv) {
    Options options;
    int verbose = 0;
    for (int option;
         (option = ::getopt(
              argc, argv, "+468aA:b:B:cCd:D:eEf:Fh:H:Lm:M:n:NpPq:Q:r:R:s:S:t:T:u:vw:W:")) != -1;) {
        if (option == 'v') {
            set_log_verbose(++verbose);
        } else if (!take_offer_option(option, options.settings) &&
                   !take_failure_option(option, options.settings, argv[0]) &&
                   !take_dump_option(option, options.settings) &&
                   !take_limit_option(option, options.settings) &&
                   !take_process_option(option, options)) {
            usage(argv[0]);
        }
    }
    if (argc - ::optind != 2) {
        usage(argv[0]);
    }
    options.address = argv[::optind];
    options.backlog = load::number_option(argv[::optind + 1], 1);
    if (options.backlog < 1) {
        usage(argv[0]);
    }
    if (options.settings.dumps_twice) {
        log_fatal("use only one of -d or -D, but not both");
    }
    if (::getuid() == 0 && options.user.empty()) {
        log_fatal("-u option is required if running as root");
    }
    options.settings.complete();
    return options;
}

// Only root can change root and user; whoever asks for it in vain must not believe it happened.
void drop_privileges(const Options& options) {
    if (log_verbose() > 1) {
        log_info("chroot {} user {}", options.root.empty() ? "(none)" : options.root, options.user);
    }
    if (!can_change_identity()) {
        auto ids = options.user.empty() ? UserIds{::geteuid(), ::getegid()}
                                        : user_ids(options.user).value_or(UserIds{0, 0});
        if (!options.root.empty() || ids.uid != ::geteuid()) {
            log_fatal("-R and -u options need super-user privileges");
        }
    }
    enter_jail(options.root, options.user);
}

// The directory of its files, as far as it is there and no date is in its name: it makes the rest.
std::vector<KnownPlace> places_of_dumps(const std::string& dump_template) {
    if (dump_template.empty()) {
        return {};
    }
    const std::string fixed = dump_template.substr(0, dump_template.find('%'));
    std::string place = parent_directory(fixed + "x");
    while (place != "." && ::access(place.c_str(), F_OK) != 0) {  // "/" is there
        place = parent_directory(place);
    }
    return {{Access::kChange, place}};
}

Task<void> session(const Settings& settings, Tally& tally, UniqueFd fd, Semaphore::Place place) {
    Session client(settings, tally, std::move(fd));
    co_await client.run();
    place.release();
}

Task<void> serve(const Settings& settings, Listener& listener, bool is_tcp) {
    Tally tally(settings);
    Semaphore places(settings.max_sessions);
    TaskGroup group;
    for (;;) {
        // Excess connections stay in the kernel's queue.
        Semaphore::Place place = co_await places.take();
        UniqueFd fd = co_await listener.accept();
        if (is_tcp) {
            int on = 1;
            ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
        group.spawn(session(settings, tally, std::move(fd), std::move(place)));
    }
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    load::open_stderr_log(argv[0]);
    Options options = parse(argc, argv);
    auto endpoint = load::listen_endpoint(options.address, options.family);
    load::raise_open_files(options.settings.max_sessions + 64);
    UniqueFd listening = load::listen_on(endpoint, options.backlog, options.window);
    drop_privileges(options);
    Loop& loop = Loop::current();
    Listener listener(std::move(listening));
    loop.before_sleep([] { std::fflush(stdout); });
    enter_strict_sandbox(kSandbox, places_of_dumps(options.settings.dump_template));
    loop.run_task(serve(options.settings, listener, !endpoint.addresses.empty()));
    return 0;
}
