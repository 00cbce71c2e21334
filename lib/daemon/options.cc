#include "lib/daemon/options.h"

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

int whole_number(char option, std::string_view text) {
    auto value = parse_uint(text);
    if (!value || *value > 1'000'000'000) {
        log_fatal("option -{}: bad number: {}", option, text);
    }
    return static_cast<int>(*value);
}

std::chrono::seconds time_of(char option, std::string_view text) {
    constexpr std::string_view kUnits = "smhdw";
    constexpr int kSeconds[] = {1, 60, 3600, 86400, 604800};
    int factor = 1;
    if (!text.empty() && kUnits.find(to_lower(text.back())) != std::string_view::npos) {
        factor = kSeconds[kUnits.find(to_lower(text.back()))];
        text.remove_suffix(1);
    }
    return std::chrono::seconds(std::int64_t{whole_number(option, text)} * factor);
}

ServiceTransport transport_of(std::string_view name, ServiceKind kind) {
    using T = ServiceTransport;

    struct Known {
        std::string_view name;
        T transport;
    };

    constexpr Known kKnown[] = {{"inet", T::kInet},
                                {"unix", T::kUnix},
                                {"pass", T::kPass},
                                {"fifo", T::kFifo},
                                {"unix-dgram", T::kDatagram}};
    for (const auto& known : kKnown) {
        if (!iequals(known.name, name)) {
            continue;
        }
        bool fits = true;
        switch (kind) {
            case ServiceKind::kSessions:
            case ServiceKind::kShared:
                fits = known.transport != T::kFifo && known.transport != T::kDatagram;
                break;
            case ServiceKind::kTrigger:
                fits = known.transport != T::kInet && known.transport != T::kDatagram;
                break;
            case ServiceKind::kDatagrams:
                fits = known.transport == T::kDatagram;
                break;
        }
        if (fits) {
            return known.transport;
        }
    }
    log_fatal("unsupported transport type: {}", name);
}

void take_option(DaemonOptions& out, int option, const char* value, ServiceKind kind) {
    char letter = static_cast<char>(option);
    switch (option) {
        case 'c':
            out.chroot = true;
            break;
        case 'd':
            out.not_daemon = true;
            break;
        case 'D':
            out.debugger = true;
            break;
        case 'i':
            out.max_idle = time_of(letter, value);
            break;
        case 'l':
            out.alone = true;
            break;
        case 'm':
            out.max_use = whole_number(letter, value);
            break;
        case 'n':
            out.service_name = value;
            break;
        case 'o':
            out.settings.emplace_back(value);
            break;
        case 'r':
            out.retire = time_of(letter, value);
            break;
        case 's':
            out.sockets = whole_number(letter, value);
            break;
        case 'S':
            out.on_stdio = true;
            break;
        case 't':
            out.transport_name = value;
            out.transport = transport_of(value, kind);
            break;
        case 'u':
            out.as_mail_owner = true;
            break;
        case 'v':
            ++out.verbose;
            break;
        case 'V':
            out.log_to_stderr = true;
            break;
        case 'z':
            out.unlimited = true;
            break;
        default:
            log_fatal("unknown option or missing value on the command line");
    }
}

void check_limits(const DaemonOptions& options, const DaemonTraits& traits) {
    if (options.on_stdio) {
        return;
    }
    if (traits.limit == ProcessLimit::kOne && !options.alone) {
        log_fatal("service {} requires a process limit of 1", options.service_name);
    }
    if (traits.limit == ProcessLimit::kNone && !options.unlimited) {
        log_fatal("service {} requires a process limit of 0", options.service_name);
    }
    if (traits.privilege == Privilege::kRoot && options.as_mail_owner) {
        log_fatal("service {} requires privileged operation", options.service_name);
    }
}

}  // namespace

DaemonOptions parse_daemon_options(int argc, char** argv, const DaemonTraits& traits) {
    DaemonOptions out;
    out.service_name = traits.name;
    ::opterr = 0;
    for (int option; (option = ::getopt(argc, argv, "+cdDi:lm:n:o:r:s:St:uvVz")) != -1;) {
        take_option(out, option, ::optarg, traits.kind);
    }
    for (int i = ::optind; i < argc; ++i) {
        out.arguments.emplace_back(argv[i]);
    }
    if (!out.on_stdio && !out.not_daemon && ::isatty(STDIN_FILENO) != 0) {
        log_fatal("do not run this command by hand");
    }
    if (!out.on_stdio && out.transport == ServiceTransport::kNone) {
        log_fatal("no transport type specified");
    }
    check_limits(out, traits);
    return out;
}

}  // namespace relais
