// sendmail(1), mailq(1), newaliases(1): the commands through which programs submit mail.
//
// Without privileges of its own: a message goes as records to postdrop(1), which may write into
// maildrop (submission); everything else is another command's work, which takes this one's place.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/rules/user_access.h"

#include "tools/sendmail/options.h"
#include "tools/sendmail/submission.h"

using namespace relais;

namespace {

// EX_TEMPFAIL, what callers take for "try again".
constexpr CommandKind kCommand{"sendmail", 75};

using Mode = SendmailOptions::Mode;

void no_recipients(const SendmailOptions& options, std::string_view mode) {
    if (!options.arguments.empty()) {
        log_fatal("{} mode requires no recipient", mode);
    }
}

[[noreturn]] void become(const std::string& directory, std::vector<std::string> argv) {
    for (int level = log_verbose(); level > 0; --level) {
        argv.insert(argv.begin() + 1, "-v");
    }
    std::string path = directory + "/" + argv[0];
    std::vector<std::string> environment = imported_environment();
    std::vector<char*> arguments;
    std::vector<char*> variables;
    for (auto& argument : argv) {
        arguments.push_back(argument.data());
    }
    for (auto& variable : environment) {
        variables.push_back(variable.data());
    }
    arguments.push_back(nullptr);
    variables.push_back(nullptr);
    log_flush(1000);
    ::execve(path.c_str(), arguments.data(), variables.data());
    log_fatal("execute {}: {}", path, std::strerror(errno));
}

[[noreturn]] void flush_queue(const SendmailOptions& options) {
    std::vector<std::string> argv{"postqueue"};
    if (!options.flush_id.empty()) {
        argv.insert(argv.end(), {"-i", options.flush_id});
    } else if (!options.flush_site.empty()) {
        argv.insert(argv.end(), {"-s", options.flush_site});
    } else {
        argv.emplace_back("-f");
    }
    become(conf().command_directory(), std::move(argv));
}

[[noreturn]] void build_aliases(const SendmailOptions& options) {
    const std::string& databases =
        options.alias_database.empty() ? conf().alias_database() : options.alias_database;
    std::vector<std::string> argv{"postalias", "--"};
    for (auto word : split_words(databases, ", \t\r\n")) {
        argv.emplace_back(word);
    }
    if (argv.size() == 2) {
        std::exit(0);
    }
    become(conf().command_directory(), std::move(argv));
}

void check_submitter(const SendmailOptions& options) {
    bool submits = options.mode == Mode::kSubmit || options.mode == Mode::kStandalone;
    if (submits &&
        !user_is_listed("authorized_submit_users", conf().authorized_submit_users(), ::getuid())) {
        log_fatal("User {}({}) is not allowed to submit mail", user_name_of(::getuid()),
                  ::getuid());
    }
}

int run(const SendmailOptions& options) {
    check_submitter(options);
    switch (options.mode) {
        case Mode::kSubmit:
            return submit_message(options);
        case Mode::kList:
            no_recipients(options, "display queue");
            become(conf().command_directory(), {"postqueue", "-p"});
        case Mode::kFlush:
            no_recipients(options, "flush queue");
            flush_queue(options);
        case Mode::kAliases:
            no_recipients(options, "alias initialization");
            build_aliases(options);
        case Mode::kDaemon:
            no_recipients(options, "daemon");
            become(conf().command_directory(), {"postfix", "start"});
        case Mode::kStandalone:
            no_recipients(options, "stand-alone");
            become(conf().daemon_directory(), {"smtpd", "-S"});
        case Mode::kIgnore:
            return 0;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    begin_command(kCommand, argv);
    parse_early_options(argc, argv);
    configure_command(kCommand);
    return run(parse_options(argc, argv));
}
