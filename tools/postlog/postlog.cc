// postlog(1): logs a text from the command line, or every line of standard input, in the form of
// the mail system.  Scripts use it.  Set-group-id, for the way to postlogd in public/: the caller's
// text, and its choice of a configuration and of a tag, come from anybody.

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/config/log_setup.h"
#include "lib/daemon/sandbox.h"

using namespace relais;

namespace {

// Besides the log.
constexpr SandboxTable kSandbox = {
    .files = {},
};

// While nobody serves the log, its owner writes to the file himself.
std::vector<KnownPlace> places_of_log() {
    const std::string& file = conf().maillog_file();
    if (file.empty()) {
        return {};
    }
    if (::access(file.c_str(), F_OK) == 0) {
        return {{Access::kWrite, file}};
    }
    return {{Access::kChange, parent_directory(file)}};
}

struct Options {
    Severity severity = Severity::kInfo;
    std::string tag;
};

[[noreturn]] void usage() {
    log_fatal("usage: postlog [-c config_dir] [-i] [-p priority] [-t tag] [-v] [text]");
}

Severity severity_of(std::string_view name) {
    struct Known {
        std::string_view name;
        Severity severity;
    };

    constexpr Known kKnown[] = {{"info", Severity::kInfo},       {"warn", Severity::kWarning},
                                {"warning", Severity::kWarning}, {"error", Severity::kError},
                                {"fatal", Severity::kFatal},     {"panic", Severity::kPanic}};
    for (const auto& known : kKnown) {
        if (known.name == name) {
            return known.severity;
        }
    }
    log_fatal("bad severity name: {}", name);
}

Options parse(int argc, char** argv) {
    Options out;
    int verbose = 0;
    for (int option; (option = ::getopt(argc, argv, "+c:ip:t:v")) != -1;) {
        switch (option) {
            case 'c':
                ::setenv("MAIL_CONFIG", ::optarg, 1);
                break;
            case 'i':
                break;  // the process id is always there
            case 'p':
                out.severity = severity_of(::optarg);
                break;
            case 't':
                out.tag = ::optarg;
                break;
            case 'v':
                set_log_verbose(++verbose);
                break;
            default:
                usage();
        }
    }
    return out;
}

// The text goes where the mail system logs; standard error shows it too when a person runs this.
void open_output(const Options& options) {
    refuse_foreign_configuration();
    ConfigOptions wanted;
    wanted.process_name = "postlog";
    load_conf(wanted);
    log_without_postlogd();
    open_log("postlog", LogStderr::kNo);
    LogOptions target = log_options();
    if (!options.tag.empty()) {
        target.tag = options.tag;
    }
    target.to_stderr = ::isatty(STDERR_FILENO) != 0;
    log_open(std::move(target));
}

}  // namespace

int main(int argc, char** argv) {
    open_early_log("postlog", ::isatty(STDERR_FILENO) != 0 ? LogStderr::kYes : LogStderr::kNo);
    Options options = parse(argc, argv);
    open_output(options);
    enter_sandbox(kSandbox, places_of_log());
    if (::optind < argc) {
        std::string text;
        for (int i = ::optind; i < argc; ++i) {
            text += (text.empty() ? "" : " ") + std::string(argv[i]);
        }
        log_line(options.severity, text);
    } else {
        for (std::string line; std::getline(std::cin, line);) {
            log_line(options.severity, line);
        }
    }
    log_flush(1000);
    return 0;
}
