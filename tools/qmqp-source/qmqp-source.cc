// qmqp-source(1): makes load for a QMQP server, in any number of sessions at once: a connection, a
// request, a reply for each message.
#include <csignal>
#include <cstdio>
#include <ctime>
#include <string>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/event/stream.h"
#include "lib/event/task_group.h"
#include "lib/load/endpoint.h"
#include "lib/load/source.h"
#include "lib/mail/date.h"
#include "lib/maps/servers/table_replies.h"

using namespace relais;

namespace {

constexpr std::size_t kReplyLimit = 100000;  // bytes
constexpr std::size_t kLongestLine = 79;

struct Options {
    load::SourceOptions load;
    std::size_t length = 1024;
    int family = AF_UNSPEC;
    std::string server;
};

[[noreturn]] void usage(const char* name) {
    log_fatal(
        "usage: {} -cv -s sess -l msglen -m msgs -C count -M myhostname -f from -t to -R delay -w "
        "delay host[:port]",
        name);
}

int number(const char* name) {
    int value = load::number_option(::optarg, 1);
    if (value < 1) {
        usage(name);
    }
    return value;
}

bool take_option(int option, Options& options, const char* name) {
    switch (option) {
        case '4':
        case '6':
            options.family = load::family_option(option);
            return true;
        case 'c':
            options.load.count = true;
            return true;
        case 'C':
            options.load.connect_tries = number(name);
            return true;
        case 'f':
            options.load.from = ::optarg;
            options.load.from_is_set = true;
            return true;
        case 'l':
            options.length = static_cast<std::size_t>(number(name));
            return true;
        case 'm':
            options.load.messages = number(name);
            return true;
        case 'M':
            options.load.my_name = load::checked_name(::optarg);
            return true;
        case 'r':
            options.load.recipients = number(name);
            return true;
        case 'R':
            options.load.random_pause = number(name);
            return options.load.fixed_pause == 0;
        case 's':
            options.load.sessions = number(name);
            return true;
        case 't':
            options.load.to = ::optarg;
            options.load.to_is_set = true;
            return true;
        case 'w':
            options.load.fixed_pause = number(name);
            return options.load.random_pause == 0;
        default:
            return false;
    }
}

Options parse(int argc, char** argv) {
    Options options;
    int verbose = 0;
    for (int option; (option = ::getopt(argc, argv, "+46cC:f:l:m:M:r:R:s:t:vw:")) != -1;) {
        if (option == 'v') {
            set_log_verbose(++verbose);
        } else if (!take_option(option, options, argv[0])) {
            usage(argv[0]);
        }
    }
    if (argc - ::optind != 1) {
        usage(argv[0]);
    }
    options.server = argv[::optind];
    options.load.complete();
    return options;
}

// Lines of X, each longer than the one before as far as lines go; the last byte is a line end.
std::string message(const Options& options) {
    const load::SourceOptions& names = options.load;
    std::string out =
        format("From: <{}>\nTo: <{}>\nDate: {}\nMessage-Id: <{}@{}>\n\n", names.from, names.to,
               format_mail_date(std::time(nullptr)), ::getpid(), names.my_name);
    for (std::size_t line = 1; out.size() < options.length; ++line) {
        out.append(std::min(line, kLongestLine), 'X');
        out += '\n';
    }
    out.resize(options.length);
    out.back() = '\n';
    return out;
}

std::string request(const Options& options) {
    const load::SourceOptions& names = options.load;
    std::string parts = make_netstring(message(options)) + make_netstring(names.from);
    for (int index = 0; index < names.recipients; ++index) {
        std::string number = names.recipients > 1 ? std::to_string(index) : "";
        parts += make_netstring(number + names.to);
    }
    return make_netstring(parts);
}

// Ends the process unless the message was accepted.
void judge(std::string_view reply) {
    std::string_view text = reply.substr(std::min<std::size_t>(1, reply.size()));
    switch (reply.empty() ? '\0' : reply.front()) {
        case 'K':
            return;
        case 'Z':
            log_fatal("recoverable error: {}", text);
        case 'D':
            log_fatal("unrecoverable error: {}", text);
        default:
            log_fatal("unknown error: {}", text);
    }
}

Task<void> deliver(load::Source& source, const std::string& request) {
    using State = Netstring::State;
    constexpr std::string_view kReading = "receiving server reply";
    std::string_view doing = "sending message";
    UniqueFd fd = co_await source.connect();
    Stream stream(std::move(fd));
    try {
        stream.write(request);
        co_await stream.flush();
        doing = kReading;
        for (;;) {
            Netstring reply = parse_netstring(stream.buffered(), kReplyLimit);
            if (reply.state == State::kWhole) {
                if (log_verbose() > 0) {
                    log_info("<<< {}", reply.content);
                }
                judge(reply.content);
                break;
            }
            if (reply.state != State::kPartial) {
                log_fatal("netstring {} while {}",
                          reply.state == State::kTooLong ? "size exceeds limit" : "format error",
                          doing);
            }
            bool more = co_await stream.fill();
            if (!more) {
                // All of it but the comma is no reply either.
                log_fatal(
                    "{} while {}",
                    stream.buffered().contains(':') ? "netstring format error" : "lost connection",
                    doing);
            }
        }
    } catch (const TimedOut&) {
        log_fatal("timeout while {}", doing);
    } catch (const IoError&) {
        log_fatal("lost connection while {}", doing);
    }
    load::close_at_once(stream.release());
    source.delivered();
}

Task<void> session(load::Source& source, const std::string& request) {
    while (source.take_message()) {
        co_await deliver(source, request);
        if (source.left() > 0 && source.pauses()) {
            co_await source.pause();
        }
    }
}

Task<void> send_all(load::Source& source, const std::string& request) {
    TaskGroup group;
    for (int left = std::min(source.options().sessions, source.options().messages); left > 0;
         --left) {
        group.spawn(session(source, request));
    }
    co_await group.join();
    source.finish();
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    load::open_stderr_log(argv[0]);
    Options options = parse(argc, argv);
    load::Source source(options.load, load::server_endpoint(options.server, "628", options.family));
    std::string bytes = request(options);
    Loop& loop = Loop::current();
    loop.before_sleep([] { std::fflush(stdout); });
    loop.run_task(send_all(source, bytes));
    return 0;
}
