// postlock(1): runs a command while a mailbox file is locked in the way of local(8).  Acts for its
// caller, with his rights.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/store/mbox_delivery.h"

using namespace relais;

namespace {

// EX_TEMPFAIL
constexpr CommandKind kCommand{"postlock", 75, CommandLog::kStderr};

struct Options {
    std::string locks;  // -l; else as mailbox_delivery_lock has it
    bool has_locks = false;
    std::string file;
    char** command = nullptr;
};

[[noreturn]] void usage() {
    log_fatal("usage: postlock [-c config_dir] [-l lock_style] [-v] folder command...");
}

Options parse(int argc, char** argv) {
    Options out;
    int verbose = 0;
    for (int option; (option = ::getopt(argc, argv, "+c:l:v")) != -1;) {
        switch (option) {
            case 'c':
                use_config_directory(::optarg);
                break;
            case 'l':
                out.locks = ::optarg;
                out.has_locks = true;
                break;
            case 'v':
                set_log_verbose(++verbose);
                break;
            default:
                usage();
        }
    }
    if (argc - ::optind < 2) {
        usage();
    }
    out.file = argv[::optind];
    out.command = argv + ::optind + 1;
    return out;
}

MboxTarget target_of(const Options& options) {
    std::string style = options.has_locks ? options.locks : conf().mailbox_delivery_lock();
    auto locks = parse_mailbox_locks("mailbox_delivery_lock", style);
    if (!locks) {
        log_fatal("{}", locks.error().message);
    }
    LockPatience patience;
    patience.attempts = conf().deliver_lock_attempts();
    patience.delay = conf().deliver_lock_delay();
    patience.stale = conf().stale_lock_time();
    return {.path = options.file, .locks = *locks, .patience = patience, .owner = {}};
}

pid_t fork_patiently() {
    for (int tries = 1;; ++tries) {
        pid_t child = ::fork();
        if (child >= 0) {
            return child;
        }
        if (tries >= conf().fork_attempts()) {
            log_fatal("fork: {}", std::strerror(errno));
        }
        log_warning("fork: {}", std::strerror(errno));
        std::this_thread::sleep_for(conf().fork_delay());
    }
}

[[noreturn]] void become(char** command) {
    for (auto word : split_words(conf().import_environment(), ", \t\r\n")) {
        if (auto setting = split_first(word, '=')) {
            ::setenv(std::string(setting->first).c_str(), std::string(setting->second).c_str(), 1);
        }
    }
    ::execvp(command[0], command);
    LogOptions log = log_options();
    log.fatal_status = 1;
    log_open(log);
    log_fatal("execvp {}: {}", command[0], std::strerror(errno));
}

}  // namespace

int main(int argc, char** argv) {
    begin_command(kCommand, argv, CalledAs::kPath);
    Options options = parse(argc, argv);
    configure_command(kCommand);
    int status = 0;
    {
        auto mailbox = open_mbox(target_of(options));
        if (!mailbox) {
            log_fatal("open file {}: {}", options.file, mailbox.error().message);
        }
        pid_t child = fork_patiently();
        if (child == 0) {
            become(options.command);
        }
        while (::waitpid(child, &status, 0) < 0) {
            if (errno != EINTR) {
                log_fatal("waitpid: {}", std::strerror(errno));
            }
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
