// nbdb_reindexd(8): during a migration away from Berkeley DB, builds the tables of the new type
// that daemons find missing, by running postmap or postalias as the owner of the old table.  Called
// by daemons through lib/maps/bdb/non_bdb.cc, and by `postfix non-bdb` with -S and a table's name.
//
// Runs as root, with mail_owner's effective identity but where a request needs more; policy.cc
// tells which requests are fulfilled.  One at a time: who asks for what was just built finds it
// there.
#include <cstdlib>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/log_setup.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/deliver/command.h"
#include "lib/event/child.h"
#include "lib/event/errors.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/nbdb_reindex.h"

#include "services/nbdb_reindexd/identity.h"
#include "services/nbdb_reindexd/policy.h"

using namespace relais;
using namespace relais::nbdb;

namespace {

constexpr std::size_t kMaxRequest = 65536;
constexpr std::size_t kMaxOutput = 1000;  // of a command that fails
constexpr auto kCommandTime = std::chrono::seconds(100);

Result<Child> start(const Job& job, int output) {
    ChildSpec spec;
    spec.argv = {conf().command_directory() + "/" + job.command, job.table};
    spec.environment = exported_environment();
    spec.environment.push_back("MAIL_CONFIG=" + conf().config_directory());
    spec.output = output;
    spec.error = output;
    ActingAs root(0, 0);
    if (can_change_identity()) {
        spec.uid = job.uid;
        spec.gid = job.gid;
    }
    return Child::start(spec);
}

// What the command prints until it ends; of a lot, the beginning.
Task<std::string> collect(UniqueFd from, Deadline deadline) {
    Stream stream(std::move(from));
    stream.set_timeout(kCommandTime);
    stream.set_deadline(deadline);
    std::string output;
    while (co_await stream.fill()) {
        output += stream.buffered().substr(0, kMaxOutput - output.size());
        stream.consume(stream.buffered().size());
    }
    co_return printable(trim(output));
}

// The reason why it failed; empty when it did not.
Task<std::string> run(const Job* job) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        co_return fail_errno("socketpair").error().message;
    }
    UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    auto child = start(*job, theirs.get());
    theirs.reset();
    if (!child) {
        co_return child.error().message;
    }
    const Deadline deadline = Deadline::after(kCommandTime);
    bool late = false;
    std::string output;
    ChildStatus status;
    try {
        output = co_await collect(std::move(ours), deadline);
        status = co_await child->wait(deadline);
    } catch (const TimedOut&) {
        late = true;
    }
    if (late) {
        {
            ActingAs root(0, 0);
            child->kill(SIGKILL);
        }
        co_await child->wait();
        co_return format("not done after {} seconds", kCommandTime.count());
    }
    if (status.ok()) {
        co_return std::string();
    }
    co_return output.empty() ? format("exit status {}", status.exit_status) : output;
}

// The reason why there is no such table; empty when there is one.
Task<std::string> provide(TableReference table) {
    auto job = plan(table);
    if (!job) {
        co_return job.error().message;
    }
    if (!*job) {
        co_return std::string();
    }
    std::string failure = co_await run(&**job);
    if (!failure.empty()) {
        co_return format("could not execute command '{} {}': {}", (*job)->command, (*job)->table,
                         failure);
    }
    log_info("successfully executed '{} {}' as uid {}", (*job)->command, (*job)->table,
             (*job)->uid);
    co_return std::string();
}

class Reindexer : public Daemon {
  public:
    void after_jail() override {
        become_mail_owner();
        if (!process_info().has_master) {
            serve_command_line();
        }
    }

    Task<void> serve(Connection connection) override;

  private:
    [[noreturn]] static void serve_command_line();
    [[nodiscard]] static Task<void> answer(Stream* stream);
};

// `nbdb_reindexd -S hash:/path`.
void Reindexer::serve_command_line() {
    open_log("nbdb_reindexd", LogStderr::kYes);
    const auto& arguments = process_info().arguments;
    if (arguments.size() != 1) {
        log_fatal("stand-alone mode requires one type:/path argument");
    }
    auto table = parse_table_reference(arguments.front());
    if (!table || !table->name.starts_with('/')) {
        log_fatal("stand-alone mode called with bad argument: '{}'", arguments.front());
    }
    std::string failure = Loop::current().run_task(provide(*table));
    if (!failure.empty()) {
        log_warning("stand-alone request to re-index '{}:{}' failed: {}", table->type, table->name,
                    failure);
    }
    log_flush(500);
    std::exit(failure.empty() ? 0 : 1);
}

Task<void> Reindexer::answer(Stream* stream) {
    AttrWriter hello;
    hello.string("protocol", kNbdbReindexProtocol).end();
    stream->write(hello.bytes());
    auto request = co_await read_attributes(stream, AttrEncoding::kNul, kMaxRequest);
    if (!request) {
        co_return;
    }
    AttrReader reader(*request);
    TableReference table;
    table.type = reader.string("nbdb_type");
    table.name = reader.string("nbdb_path");
    if (reader.failed()) {
        co_return;
    }
    std::string failure = co_await provide(table);
    if (!failure.empty()) {
        log_warning("request to index {}:{} failed: {}", printable(table.type),
                    printable(table.name), failure);
    }
    AttrWriter reply;
    auto status = failure.empty() ? NbdbStatus::kDone : NbdbStatus::kFailed;
    reply.number("status", static_cast<int>(status)).string("reason", failure).end();
    stream->write(reply.bytes());
    co_await stream->flush();
}

Task<void> Reindexer::serve(Connection connection) {
    Stream stream(std::move(connection.fd));
    stream.set_timeout(conf().ipc_timeout());
    try {
        co_await answer(&stream);
    } catch (const IoError&) {
    } catch (const TimedOut&) {
    }
}

}  // namespace

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "nbdb_reindexd";
    traits.limit = ProcessLimit::kOne;
    traits.privilege = Privilege::kRoot;
    traits.most_sessions = 1;
    // No sandbox: it runs postmap for tables that may be anywhere.
    traits.sandbox = nullptr;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<Reindexer>(); });
}
