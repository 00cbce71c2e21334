// postdrop(1): puts a message, as records on standard input, into maildrop.  sendmail(1) runs it.
//
// Set-group-id: the one program through which local users write into the queue.  Everything that
// comes from the caller is suspect: arguments, environment, descriptors, and each record, which is
// checked before it is copied.  Where it cannot be set-group-id, it hands the message over
// (hand_over.h).
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/daemon/sandbox.h"
#include "lib/event/loop.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/ipc/service_client.h"
#include "lib/queue/queue_config.h"
#include "lib/queue/queue_file.h"
#include "lib/rules/user_access.h"

#include "tools/postdrop/hand_over.h"
#include "tools/postdrop/hold_signals.h"
#include "tools/postdrop/record_filter.h"
#include "tools/postdrop/sender_access.h"

using namespace relais;

namespace {

constexpr CommandKind kCommand{"postdrop"};

// The one directory that it fills, and the way to pickup.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kChange, kMaildrop}, {Access::kWrite, "public"}},
};

// The path of the unfinished file, for the signal handler.
char unfinished_path[256];

void remove_unfinished(int number) {
    if (unfinished_path[0] != '\0') {
        ::unlink(unfinished_path);
    }
    ::_exit(number);
}

void handle_signals(const std::string& path) {
    path.copy(unfinished_path, sizeof unfinished_path - 1);
    struct sigaction action{};
    action.sa_handler = &remove_unfinished;
    ::sigfillset(&action.sa_mask);
    ::sigdelset(&action.sa_mask, SIGSYS);  // of the sandbox
    for (int number : {SIGHUP, SIGTERM, SIGINT, SIGQUIT}) {
        // nohup(1) and its like: what the caller ignores is none of our business.
        struct sigaction before{};
        bool optional = number == SIGHUP || number == SIGTERM;
        if (optional && ::sigaction(number, nullptr, &before) == 0 &&
            before.sa_handler == SIG_IGN) {
            continue;
        }
        ::sigaction(number, &action, nullptr);
    }
}

void finish_unfinished() {
    unfinished_path[0] = '\0';
}

[[noreturn]] void usage() {
    log_fatal("usage: postdrop [-c config_dir] [-v]");
}

// Other arguments are of no interest, as with the original.
void parse(int argc, char** argv) {
    int verbose = 0;
    for (int option; (option = ::getopt(argc, argv, "+c:rv")) != -1;) {
        switch (option) {
            case 'c':
                use_config_directory(::optarg);
                break;
            case 'r':
                break;  // the status stream is always written
            case 'v':
                set_log_verbose(++verbose);
                break;
            default:
                usage();
        }
    }
}

void say(const AttrWriter& list) {
    // Whoever does not listen learns the outcome from the exit status.
    static_cast<void>(write_all(STDOUT_FILENO, list.bytes()));
}

void check_submitter() {
    if (!user_is_listed("authorized_submit_users", conf().authorized_submit_users(), ::getuid())) {
        log_fatal("User {}({}) is not allowed to submit mail", user_name_of(::getuid()),
                  ::getuid());
    }
}

void wake_pickup() {
    std::string socket = "public/" + conf().pickup_service_name();
    // While the mail system is down the message waits for its start.
    auto sent = Loop::current().run_task(send_trigger(socket, "W", conf().trigger_timeout()));
    if (!sent && sent.error().code != Errc::kTemporary) {
        log_warning("{}", sent.error().message);
    }
}

// Whatever else is wrong with it, the attempt tells.
bool may_fill_maildrop() {
    return ::faccessat(AT_FDCWD, std::string(kMaildrop).c_str(), W_OK | X_OK, AT_EACCESS) == 0 ||
           errno != EACCES;
}

// The exit status is the status bits'.
int submit(const SenderAccess& access) {
    QueueDirs dirs = queue_dirs_from(conf());
    auto created = NewQueueFile::create(dirs, kMaildrop, 0644);
    if (!created) {
        log_fatal("mail_queue_enter: create file {}: {}", kMaildrop, created.error().message);
    }
    NewQueueFile& file = *created;
    handle_signals(file.path());
    AttrWriter hello;
    hello.string("protocol", "postdrop_protocol").string("queue_id", file.id()).end();
    say(hello);

    RecordFilter filter(file, conf().line_length_limit(), conf().message_size_limit());
    RecordFilter::Outcome outcome = filter.copy(STDIN_FILENO);
    unsigned status = outcome.status;
    SenderVerdict verdict;
    if (outcome.complete && outcome.malformed.empty() && status == kCleanupOk) {
        verdict = access.check(outcome.sender);
        status = verdict.status;
    }
    if (outcome.complete && status == kCleanupOk) {
        hold_signals();
        if (auto committed = file.commit(kModeReadyMaildrop); !committed) {
            log_warning("uid={}: {}", ::getuid(), std::strerror(committed.error().sys_errno));
            status = kCleanupWrite;
        }
    }
    if (!outcome.complete || status != kCleanupOk) {
        static_cast<void>(file.remove());
    }
    finish_unfinished();
    if (!outcome.malformed.empty()) {
        log_fatal("{}", outcome.malformed);
    }
    if (!outcome.complete) {
        return 0;
    }
    AttrWriter result;
    result.number("status", status).string("reason", verdict.reason).end();
    say(result);
    if (status == kCleanupOk) {
        wake_pickup();
    }
    return static_cast<int>(status);
}

}  // namespace

int main(int argc, char** argv) {
    ::umask(022);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);
    begin_command(kCommand, argv);
    parse(argc, argv);
    configure_setgid_command(kCommand);
    // Libraries that the list of submitters needs look for their own settings where the caller is.
    if (::chdir(conf().queue_directory().c_str()) != 0) {
        log_fatal("{}", fail_errno("chdir " + conf().queue_directory()).error().message);
    }
    check_submitter();
    // The trigger's, now: where the caller's limits forbid it, nothing may be in maildrop yet.
    Loop::current();
    // Where it hands over, whoever takes it looks that up.
    const bool fills = may_fill_maildrop();
    const SenderAccess access = fills ? SenderAccess::of_user(::getuid()) : SenderAccess();
    enter_sandbox(kSandbox);
    if (!fills) {
        if (auto status = hand_over(conf().postdrop_socket())) {
            return *status;
        }
    }
    return submit(access);
}
