// qmqp-sink(1): a QMQP server that throws away whatever it gets, for measuring clients.
//
// Reads no configuration, and believes the length that a client gives: bytes are counted and
// dropped as they come, so that the largest message needs no more memory than the smallest.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/daemon/sandbox.h"
#include "lib/event/socket.h"
#include "lib/event/stream.h"
#include "lib/event/task_group.h"
#include "lib/event/watch.h"
#include "lib/load/endpoint.h"

using namespace relais;

namespace {

constexpr std::size_t kMostDigits = 18;  // of a length, so that it fits 64 bits
constexpr std::size_t kMostClients = 100000;

constexpr SandboxTable kSandbox = {
    .files = {},
};

struct Options {
    bool counts = false;
    int family = AF_UNSPEC;
    int seconds = 0;  // until the end, with -x
    std::string address;
    int backlog = 0;
};

[[noreturn]] void usage(const char* name) {
    log_fatal("usage: {} [-cv] [-x time] [host]:port backlog", name);
}

Options parse(int argc, char** argv) {
    Options options;
    int verbose = 0;
    for (int option; (option = ::getopt(argc, argv, "+46cvx:")) != -1;) {
        switch (option) {
            case '4':
            case '6':
                options.family = load::family_option(option);
                break;
            case 'c':
                options.counts = true;
                break;
            case 'v':
                set_log_verbose(++verbose);
                break;
            case 'x':
                options.seconds = load::number_option(::optarg, 1);
                if (options.seconds < 1) {
                    usage(argv[0]);
                }
                break;
            default:
                usage(argv[0]);
        }
    }
    options.backlog = argc - ::optind == 2 ? load::number_option(argv[::optind + 1], 1) : 0;
    if (options.backlog < 1) {
        usage(argv[0]);
    }
    options.address = argv[::optind];
    return options;
}

// "NUMBER:" at the front of what has come: the bytes of the request behind it, its comma counted.
// Nothing while there is no colon yet.
Task<std::optional<std::uint64_t>> request_length(Stream& stream) {
    for (;;) {
        std::string_view input = stream.buffered();
        auto end = std::min(input.find_first_not_of("0123456789"), input.size());
        if (end > kMostDigits || (end < input.size() && (input[end] != ':' || end == 0))) {
            log_warning("netstring format error");
            co_return std::nullopt;
        }
        if (end < input.size()) {
            std::uint64_t length = *parse_uint(input.substr(0, end));
            stream.consume(end + 1);
            co_return length + 1;
        }
        bool more = co_await stream.fill();
        if (!more) {
            throw EndOfStream();
        }
    }
}

Task<void> converse(Stream& stream, const Options& options) {
    static int count = 0;
    auto left = co_await request_length(stream);
    if (!left) {
        co_return;
    }
    for (;;) {
        auto some = std::min<std::uint64_t>(*left, stream.buffered().size());
        stream.consume(static_cast<std::size_t>(some));
        *left -= some;
        if (*left == 0) {
            break;
        }
        bool more = co_await stream.fill();
        if (!more) {
            throw EndOfStream();
        }
    }
    stream.write("3:KOk,");
    co_await stream.flush();
    ++count;
    if (options.counts) {
        std::printf("%d\r", count);
    }
}

Task<void> session(const Options& options, UniqueFd fd) {
    Stream stream(std::move(fd));
    if (log_verbose() > 0) {
        auto peer = SocketAddress::peer_of(stream.fd());
        bool is_ip = peer && peer->is_ip();
        std::string_view ip = is_ip && peer->family() == AF_INET6 ? "AF_INET6" : "AF_INET";
        log_info("connect ({})", is_ip ? ip : "AF_LOCAL");
    }
    try {
        co_await converse(stream, options);
    } catch (const TimedOut&) {
        log_warning("read/write timeout");
    } catch (const IoError&) {
        log_warning("lost connection");
    }
}

Task<void> serve(const Options& options, Listener& listener) {
    TaskGroup group;
    for (;;) {
        UniqueFd fd = co_await listener.accept();
        group.spawn(session(options, std::move(fd)));
    }
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    load::open_stderr_log(argv[0]);
    Options options = parse(argc, argv);
    load::raise_open_files(kMostClients);
    Listener listener(
        load::listen_on(load::listen_endpoint(options.address, options.family), options.backlog));
    Loop& loop = Loop::current();
    loop.before_sleep([] { std::fflush(stdout); });
    Timer end([] { std::exit(0); });
    if (options.seconds > 0) {
        end.start(std::chrono::seconds(options.seconds));
    }
    enter_strict_sandbox(kSandbox);
    loop.run_task(serve(options, listener));
    return 0;
}
