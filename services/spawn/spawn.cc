// spawn(8): runs a command for each connection, with the connection as its standard input, output
// and error.  Called by whoever connects: smtpd, for policy servers that know nothing of sockets.
// It believes master.cf, which says what to run and as whom (never root, never mail_owner), for
// "user=*" the kernel, which knows who has connected, and no byte of the client: the command alone
// reads those.
//
// The process keeps root as its real uid to give its children other identities; its effective ids
// are mail_owner's.  It serves many connections at once, each with a child of its own.
#include <csignal>
#include <map>
#include <memory>
#include <optional>

#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/command_user.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/deliver/command.h"
#include "lib/deliver/identity.h"
#include "lib/event/child.h"
#include "lib/event/socket.h"
#include "lib/event/sync.h"

#include "services/spawn/spawn_arguments.h"

using namespace relais;
using namespace relais::spawn;

namespace {

constexpr std::string_view kSearchPath = "PATH=/usr/bin:/bin";

// Of the connections of one user in a process; others of his wait for their turn where they come
// from.
constexpr std::size_t kMostOfOneCaller = 20;

// Who has connected, as the kernel tells, with the group of master.cf.
Result<FileOwner> caller_of(int connection, gid_t group) {
    auto peer = peer_credentials(connection);
    if (!peer) {
        return fail_with(peer);
    }
    const FileOwner caller{peer->uid, group};
    const auto objection = objection_to(caller);
    if (objection != UserObjection::kNone && objection != UserObjection::kSetgidGroup) {
        return fail(Errc::kDenied,
                    format("uid {} with gid {} may not be served", caller.uid, group));
    }
    return caller;
}

ChildSpec child_spec(const std::vector<std::string>& command, const std::optional<FileOwner>& user,
                     int connection) {
    ChildSpec child;
    child.argv = command;
    child.environment = exported_environment();
    child.environment.emplace_back(kSearchPath);
    child.input = child.output = child.error = connection;
    child.own_group = true;
    child.reports_failure = true;
    if (user) {
        child.uid = user->uid;
        child.gid = user->gid;
    }
    return child;
}

void log_end(const std::string& program, const ChildStatus& status) {
    if (status.signal != 0) {
        log_warning("command {} killed by signal {}", program, status.signal);
    } else if (status.exit_status != 0) {
        log_warning("command {} exit status {}", program, status.exit_status);
    }
}

// Postfix's words, and the status that its child process has where it cannot be the program.
void log_failure(const std::string& program, const Error& failure) {
    log_line(Severity::kFatal, "spawn_comand: " + failure.message);
    log_end(program, ChildStatus{.exit_status = 1, .signal = 0});
}

// A command that is too late goes, and what it has started with it.
Task<void> watch(Child child, ChildSpec spec, std::chrono::seconds limit) {
    const auto& program = spec.argv.front();
    bool late = false;
    try {
        const auto status = co_await child.wait(Deadline::after(limit));
        if (const auto failure = child.failure(spec)) {
            log_failure(program, *failure);
        } else {
            log_end(program, status);
        }
    } catch (const TimedOut&) {
        late = true;
    } catch (const Cancelled&) {
        child.kill_group(SIGTERM);
        throw;
    }
    if (late) {
        log_warning("{}: process id {}: command time limit exceeded", program, child.pid());
        child.kill_group(SIGKILL);
        (void)co_await child.wait();
    }
}

class SpawnDaemon : public Daemon {
  public:
    void before_jail() override { arguments_ = parse_arguments(process_info().arguments); }

    void after_jail() override {
        limit_ = conf().transport_time(process_info().service_name, "_time_limit");
        identity_ = std::make_unique<FileIdentity>(mail_owner_ids(conf().mail_owner()));
    }

    Task<void> serve(Connection connection) override {
        if (!arguments_) {
            log_fatal("{}", arguments_.error().message);
        }
        if (!arguments_->as_caller) {
            co_await run(std::move(connection), arguments_->user);
            co_return;
        }
        auto caller = caller_of(connection.fd.get(), arguments_->user->gid);
        if (!caller) {
            log_warning("{}", caller.error().message);
            co_return;
        }
        auto& places = callers_.try_emplace(caller->uid, kMostOfOneCaller).first->second;
        if (places.free() == 0) {
            log_warning("uid {} has {} connections already", caller->uid, kMostOfOneCaller);
            co_return;
        }
        auto place = co_await places.take();
        co_await run(std::move(connection), *caller);
    }

  private:
    Task<void> run(Connection connection, std::optional<FileOwner> user) {
        if (auto blocking = set_blocking(connection.fd.get()); !blocking) {
            log_fatal("{}", blocking.error().message);
        }
        const ForkPatience patience{conf().fork_attempts(), conf().fork_delay()};
        auto spec = child_spec(arguments_->command, user, connection.fd.get());
        if (arguments_->as_caller) {
            spec.error = -1;  // what postdrop says there is in the log too, and is no answer
        }
        auto child = co_await Child::start(spec, patience);
        connection.fd.reset();
        if (!child) {
            log_failure(spec.argv.front(), child.error());
            co_return;
        }
        co_await watch(std::move(*child), std::move(spec), limit_);
    }

    Result<SpawnArguments> arguments_;
    std::chrono::seconds limit_{};
    std::unique_ptr<FileIdentity> identity_;
    std::map<uid_t, Semaphore> callers_;
};

}  // namespace

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "spawn";
    traits.privilege = Privilege::kRoot;
    // No sandbox: the commands may be set-uid or set-gid.
    traits.sandbox = nullptr;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<SpawnDaemon>(); });
}
