// postfix(1): starts, stops and looks after the mail system of one configuration directory.
//
// Root runs it for any instance; an ordinary user only for an instance that is wholly his own.  All
// of the work is done here, without shell scripts, so that a start takes milliseconds.

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/config/log_setup.h"
#include "lib/config/old_default.h"

#include "tools/postfix/control.h"
#include "tools/postfix/log_rotate.h"
#include "tools/postfix/non_bdb.h"
#include "tools/postfix/post_install.h"
#include "tools/postfix/tls_command.h"

using namespace relais;
using namespace relais::postfix_command;

namespace {

struct Options {
    bool own_directory = false;  // -c was given, or MAIL_CONFIG is set
    int verbose = 0;             // -v, counted
    std::vector<std::string> words;
};

Options parse(int argc, char** argv) {
    Options out;
    out.own_directory = std::getenv("MAIL_CONFIG") != nullptr;
    ::opterr = 0;
    for (int option; (option = ::getopt(argc, argv, "+c:Dv")) != -1;) {
        switch (option) {
            case 'c':
                if (*::optarg != '/') {
                    log_fatal("-c requires absolute pathname");
                }
                ::setenv("MAIL_CONFIG", ::optarg, 1);
                out.own_directory = true;
                break;
            case 'D':
                ::setenv("MAIL_DEBUG", "", 1);  // read by master and each daemon
                break;
            case 'v':
                set_log_verbose(++out.verbose);
                break;
            default:
                log_fatal("usage: postfix [-c config_dir] [-Dv] command");
        }
    }
    out.words.assign(argv + ::optind, argv + argc);
    return out;
}

void load_configuration() {
    ConfigOptions wanted;
    wanted.process_name = "postfix";
    load_conf_with_accounts(wanted);
    ::setenv("MAIL_CONFIG", conf().config_directory().c_str(), 1);
}

// The lines of this command itself are "postfix[pid]:", whatever syslog_name says.
void open_own_log() {
    log_without_postlogd();
    open_log("postfix", LogStderr::kYes);
    LogOptions options = log_options();
    options.tag = "postfix";
    log_open(std::move(options));
}

void check_identity() {
    if (::getuid() == 0) {
        return;
    }
    struct stat info{};
    if (::stat(conf().queue_directory().c_str(), &info) == 0 && info.st_uid == ::getuid()) {
        return;
    }
    log_error("to submit mail, use the Postfix sendmail command");
    log_fatal("the postfix command is reserved for the superuser");
}

void check_directories() {
    for (const auto* directory :
         {&conf().command_directory(), &conf().daemon_directory(), &conf().queue_directory()}) {
        if (::chdir(directory->c_str()) != 0) {
            log_fatal("chdir({}): {}", *directory, std::strerror(errno));
        }
    }
}

// An old compatibility_level means old defaults: the administrator should know.
void warn_of_old_defaults() {
    if (!conf().level_below(kNewestLevel)) {
        return;
    }
    log_info("Postfix is using backwards-compatible default settings");
    log_info("See http://www.postfix.org/COMPATIBILITY_README.html for details");
    log_info(
        "To disable backwards compatibility use \"postconf compatibility_level={}\" and \"postfix "
        "reload\"",
        kNewestLevel);
}

// With several instances, the wrapper command runs this one for each of them.
void run_wrapper(const Options& options) {
    bool several = !options.own_directory && !conf().multi_instance_directories().empty() &&
                   !conf().multi_instance_wrapper().empty();
    if (!several) {
        return;
    }
    std::vector<std::string> argv;
    for (std::string_view word : split_words(conf().multi_instance_wrapper())) {
        argv.emplace_back(word);
    }
    argv.insert(argv.end(), options.words.begin(), options.words.end());
    execute(argv);
}

[[noreturn]] void unknown_command(const std::string& word) {
    refuse(
        format("unknown command: '{}'. Usage: postfix start (or stop, reload, abort, flush, check, "
               "status, "
               "set-permissions, upgrade-configuration, post-install, logrotate, non-bdb)",
               word));
}

int run(const Options& options) {
    const std::vector<std::string>& words = options.words;
    std::string command = words.empty() ? "" : words.front();
    if (command.starts_with('/')) {
        execute(words);
    }
    Control control(options.verbose);

    struct Action {
        std::string_view name;
        int (*run)(Control& control, const std::vector<std::string>& words);
    };

    constexpr Action kActions[] = {
        {"start", [](Control& c, const auto&) { return c.start(); }},
        {"start-fg", [](Control& c, const auto&) { return c.start_in_foreground(); }},
        {"stop", [](Control& c, const auto&) { return c.stop(); }},
        {"quick-stop", [](Control& c, const auto&) { return c.quick_stop(); }},
        {"abort", [](Control& c, const auto&) { return c.abort(); }},
        {"drain", [](Control& c, const auto&) { return c.drain(); }},
        {"reload", [](Control& c, const auto&) { return c.reload(); }},
        {"status", [](Control& c, const auto&) { return c.status(); }},
        {"flush", [](Control& c, const auto&) { return c.flush(); }},
        {"check", [](Control& c, const auto&) { return c.check(); }},
        {"set-permissions", [](Control&, const auto& w) { return post_install(w); }},
        {"upgrade-configuration", [](Control&, const auto& w) { return post_install(w); }},
        {"post-install",
         [](Control&, const auto& w) { return post_install(std::span(w).subspan(1)); }},
        {"logrotate", [](Control& c, const auto&) { return rotate_log(c); }},
        {"tls", [](Control&, const auto& w) { return manage_tls(w); }},
        {"non-bdb", [](Control&, const auto& w) { return manage_non_bdb(w); }},
    };
    for (const auto& action : kActions) {
        if (action.name == command) {
            return action.run(control, words);
        }
    }
    unknown_command(command);
}

}  // namespace

int main(int argc, char** argv) {
    open_early_log("postfix", LogStderr::kYes);
    Options options = parse(argc, argv);
    load_configuration();
    open_own_log();
    check_identity();
    warn_of_old_defaults();
    check_directories();
    run_wrapper(options);
    open_script_log();
    int status = run(options);
    log_flush(500);
    return status;
}
