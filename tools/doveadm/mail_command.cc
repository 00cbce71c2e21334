#include "tools/doveadm/mail_command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/access/user_sandbox.h"
#include "lib/access/worker.h"
#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/base/unique_fd.h"
#include "lib/config/config.h"
#include "lib/daemon/privileges.h"
#include "lib/event/loop.h"
#include "lib/imap/utf7.h"
#include "lib/store/mailbox_name.h"

#include "tools/doveadm/at_server.h"
#include "tools/doveadm/auth_service.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// kNotFound: there is no such user; whose he is on this machine is for us to judge as well.
Result<WorkerIdentity> identity_of(AuthService& auth, const std::string& name) {
    AuthReply reply = auth.user(name);
    if (reply.kind == AuthReply::Kind::kFailure) {
        return fail(Errc::kNotFound, "User doesn't exist");
    }
    if (reply.kind != AuthReply::Kind::kSuccess) {
        return fail(Errc::kTemporary, "User lookup failed: " + reply.reason);
    }
    WorkerIdentity identity = identity_in(reply);
    auto allowed = check_worker_identity(identity);
    if (!allowed) {
        return fail_with(allowed);
    }
    return identity;
}

// A number of a user or group; nothing where the text is none.
std::optional<long> id_number(std::string_view text) {
    constexpr std::int64_t kMost = 0xfffffffe;
    auto id = parse_int(text);
    return id && *id > 0 && *id <= kMost ? std::optional(static_cast<long>(*id)) : std::nullopt;
}

// By number or name; -1 where there is nobody.
long user_setting(const Settings& settings) {
    std::string text = settings.get("mail_uid");
    if (auto number = id_number(text)) {
        return *number;
    }
    auto ids = user_ids(text);
    return ids ? static_cast<long>(ids->uid) : -1;
}

long group_setting(const Settings& settings) {
    std::string text = settings.get("mail_gid");
    if (auto number = id_number(text)) {
        return *number;
    }
    auto id = group_id(text);
    return id ? static_cast<long>(*id) : -1;
}

// Without -u: whoever calls.  Root says by mail_uid and mail_gid whose the mail is.
WorkerIdentity caller(const Settings& settings) {
    const char* user = ::getenv("USER");
    const char* home = ::getenv("HOME");
    if (user == nullptr) {
        end_with(kUsage, "USER environment is missing and -u option not used");
    }
    WorkerIdentity identity{user, settings.get("mail_home", home == nullptr ? "/" : home),
                            settings.get("mail_location"), -1, -1};
    if (can_change_identity()) {
        identity.uid = user_setting(settings);
        identity.gid = group_setting(settings);
        if (identity.uid < 0 || identity.gid < 0) {
            print_error(user,
                        "Couldn't drop privileges: User is missing UID (see mail_uid setting)");
            std::exit(kTemporary);
        }
    }
    return identity;
}

// For whom: one user, or several, each of whom may be gone when his turn comes.
struct Wanted {
    std::vector<std::string> users;
    bool several = false;
    bool called_by_name = false;
};

Words lines_of(const std::string& path) {
    auto text = read_file(path);
    if (!text) {
        print_error("", format("read({0}) failed: open({0}) failed: {1}", path,
                               std::strerror(text.error().sys_errno)));
        std::fputs("doveadm: Error: Failed to iterate through some users\n", stderr);
        std::exit(kTemporary);
    }
    Words lines;
    for (std::string_view line : split_fields(*text, '\n')) {
        if (!line.empty()) {
            lines.emplace_back(line);
        }
    }
    return lines;
}

Wanted wanted_users(AuthService& auth, const OptionWords& options) {
    std::string user = options.get('u');
    if (options.has('F')) {
        return {lines_of(options.get('F')), true, true};
    }
    if (options.has('A') || (options.has('u') && is_pattern(user))) {
        auto users = auth.users(options.has('A') ? Words() : Words{user});
        if (!users) {
            print_error("", users.error().message);
            std::fputs("doveadm: Error: Failed to iterate through some users\n", stderr);
            std::exit(kTemporary);
        }
        return {std::move(*users), true, true};
    }
    return {{user}, false, options.has('u')};
}

// What the process that runs as the user is given.
struct Job {
    const WorkerIdentity& identity;
    const std::optional<WorkerIdentity>& other;
    const std::vector<Column>& columns;
    bool names_user;
    MailCommand& command;
};

// As the user, for good; never returns.
[[noreturn]] void run_as_user(const Job& job, int rows) {
    auto done = become_user(job.identity);
    if (!done) {
        print_error(job.identity.user, done.error().message);
        ::_exit(kTemporary);
    }
    if (::chdir(job.identity.home.c_str()) != 0 && ::chdir("/") != 0) {
        ::_exit(kTemporary);
    }
    Loop::current().after_fork();
    enter_user_sandbox(job.command.reach());
    int status = kOk;
    {
        RowSender printer(rows);
        printer.set_columns(job.columns);
        User user(job.identity.user, job.identity.home,
                  job.identity.mail.empty() ? conf().imap_mail_location() : job.identity.mail,
                  job.identity.quota_rules, job.identity.acl_groups);
        MailContext context{user, printer, job.names_user, job.other};
        auto ready = user.prepare();
        if (!ready) {
            context.fail(kTemporary, ready.error().message);
        } else {
            Loop::current().run_task(job.command.run(&context));
            user.save_all();
        }
        printer.finish();
        status = context.status;
    }
    std::fflush(stdout);
    ::_exit(status);
}

// A process for the user, whose rows are printed here; its exit status.
int run_for(const Job& job, Printer& printer) {
    std::array<int, 2> ends{};
    std::fflush(stdout);
    job.command.begin_for(job.identity.user);
    pid_t pid = ::pipe2(ends.data(), O_CLOEXEC) == 0 ? ::fork() : -1;
    if (pid < 0) {
        end_with(kTemporary, format("fork() failed: {}", std::strerror(errno)));
    }
    if (pid == 0) {
        ::close(ends[0]);
        run_as_user(job, ends[1]);
    }
    ::close(ends[1]);
    UniqueFd rows(ends[0]);
    printer.set_user(job.identity.user);
    bool good = receive_rows(rows.get(), printer);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    job.command.end_for();
    return good && WIFEXITED(status) ? WEXITSTATUS(status) : kTemporary;
}

}  // namespace

void MailContext::fail(int with, std::string_view text) {
    print_error(user.name(), text);
    status = with;
}

void MailContext::fail(std::string_view what, const Error& error) {
    fail(status_of(error), format("{}: {}", what, error.message));
}

int run_mail_command(const Command& command, Words words, const Globals& globals,
                     MailCommand& mail_command) {
    OptionWords options(command, std::move(words));
    if (!options.has('u') && !options.has('A') && !options.has('F')) {
        caller(globals.settings);  // ends where there is nobody
    }
    if (!mail_command.prepare(options)) {
        command_usage(command);
    }
    AuthService auth;
    Wanted wanted = wanted_users(auth, options);
    auto printer = globals.printer(mail_command.form());
    std::vector<Column> columns = mail_command.columns();
    const std::size_t own_columns = columns.size();
    if (!columns.empty()) {
        if (wanted.several) {
            columns.insert(columns.begin(), {"username", "Username", true});
        }
        printer->set_columns(columns);
    }
    if (options.has('S')) {
        if (!wanted.called_by_name) {
            wanted.users = {caller(globals.settings).user};
        }
        int status = run_at_server(
            {command, options, globals, mail_command, wanted.users, wanted.several, own_columns},
            *printer);
        printer->finish();
        return status;
    }
    std::optional<WorkerIdentity> other;
    if (std::string name = mail_command.other_user(); !name.empty()) {
        auto identity = identity_of(auth, name);
        if (!identity) {
            print_error(
                "", "Couldn't lookup user " + printable(name) + ": " + identity.error().message);
            return kNoUser;
        }
        other = std::move(*identity);
    }
    int status = kOk;
    for (const std::string& name : wanted.users) {
        auto identity = wanted.called_by_name ? identity_of(auth, name)
                                              : Result<WorkerIdentity>(caller(globals.settings));
        if (!identity && wanted.several && identity.error().code == Errc::kNotFound) {
            std::fprintf(stderr, "doveadm(%s): Info: User no longer exists, skipping\n",
                         printable(name).c_str());
            continue;
        }
        if (!identity) {
            print_error(printable(name), identity.error().message);
            status = identity.error().code == Errc::kNotFound ? kNoUser
                     : identity.error().code == Errc::kDenied ? kNoPermission
                                                              : kTemporary;
            continue;
        }
        if (identity->mail.empty()) {
            identity->mail = globals.settings.get("mail_location");
        }
        int one = run_for({*identity, other, columns, wanted.several, mail_command}, *printer);
        status = one != kOk ? one : status;
    }
    printer->finish();
    return status;
}

std::unique_ptr<User> open_other_user(const MailContext& context) {
    const WorkerIdentity& other = *context.other;
    return std::make_unique<User>(other.user, other.home,
                                  other.mail.empty() ? conf().imap_mail_location() : other.mail);
}

std::unique_ptr<User> open_place(const User& whose, const std::string& location) {
    const std::vector<std::string> none;
    return std::make_unique<User>(whose.name(), whose.home(), location, none, none,
                                  single_namespace());
}

std::string mailbox_from_word(const User& user, std::string_view word) {
    std::string name = imap::utf8_to_utf7(word).value_or(std::string(word));
    return canonical_mailbox(name, user.separator());
}

std::string mailbox_to_word(std::string_view name) {
    return imap::utf7_to_utf8(name).value_or(std::string(name));
}

void put_inbox_last(std::vector<std::string>& names) {
    auto inbox = std::ranges::find(names, "INBOX");
    if (inbox != names.end()) {
        std::rotate(inbox, inbox + 1, names.end());
    }
}

std::string missing_mailbox(std::string_view word) {
    return "Mailbox doesn't exist: " + printable(word);
}

}  // namespace relais::doveadm
