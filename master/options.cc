#include "master/options.h"

#include <cstdlib>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::master {

[[noreturn]] static void usage() {
    log_fatal(
        "usage: master [-c config_dir] [-D (debug)] [-d (don't detach from terminal)] "
        "[-e exit_time] [-i (init mode)] [-s (keep stdout)] [-t (test)] [-v] [-w (wait for "
        "initialization)]");
}

static std::chrono::seconds exit_time(const char* text) {
    auto value = parse_uint(text);
    if (!value || *value > 1'000'000'000) {
        log_fatal("option -e: bad number of seconds: {}", text);
    }
    return std::chrono::seconds(static_cast<std::int64_t>(*value));
}

static void take_option(MasterOptions& out, int option) {
    switch (option) {
        case 'c':
            ::setenv("MAIL_CONFIG", ::optarg, 1);
            break;
        case 'd':
            out.debugging = true;
            break;
        case 'D':
            out.debugger = true;
            break;
        case 'e':
            out.exit_after = exit_time(::optarg);
            break;
        case 'i':
            out.init = true;
            break;
        case 's':
            out.keep_stdout = true;
            break;
        case 't':
            out.test_lock = true;
            break;
        case 'v':
            ++out.verbose;
            break;
        case 'w':
            out.wait = true;
            break;
        default:
            usage();
    }
}

MasterOptions parse_options(int argc, char** argv) {
    MasterOptions out;
    ::opterr = 0;
    for (int option; (option = ::getopt(argc, argv, "+c:Dde:istvw")) != -1;) {
        take_option(out, option);
    }
    if (::optind < argc) {
        usage();
    }
    if (out.init && ::getpid() != 1) {
        log_fatal("-i is allowed only for PID 1 process");
    }
    if (out.test_lock && out.wait) {
        log_fatal("the -t and -w options cannot be used together");
    }
    if (out.init && (out.debugging || out.debugger || out.wait)) {
        log_fatal("the -i option cannot be used with -d, -D or -w");
    }
    return out;
}

}  // namespace relais::master
