// The skeleton under which master(8) runs a process: switches, configuration, log, privileges,
// listening, the count of sessions, the status reports to master, retirement.  A daemon derives
// from Daemon, says in DaemonTraits what kind it is, and its main() is one call of run_daemon().
//
// Works under Relais' master and under Postfix's: descriptors 3 and 4 are the flow-control pipe, 5
// is the status channel, 6 and up are the listen sockets.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "lib/base/unique_fd.h"
#include "lib/daemon/sandbox.h"
#include "lib/event/loop.h"
#include "lib/ipc/attr.h"

namespace relais {

inline constexpr int kFlowReadFd = 3;
inline constexpr int kFlowWriteFd = 4;
inline constexpr int kStatusFd = 5;
inline constexpr int kListenFd = 6;

// A client: its descriptor, and for `pass` services what the sender told about it.
struct Connection {
    UniqueFd fd;
    Attributes attributes;
    bool on_stdio = false;  // -S: the client is whoever started the process
};

enum class ServiceKind {
    kSessions,   // connections, one session each: smtpd, cleanup, delivery agents
    kShared,     // connections of many clients to one process, not counted by maxproc: proxymap
    kTrigger,    // short wake-up messages: pickup, qmgr
    kDatagrams,  // postlogd
};

enum class ProcessLimit { kAny, kOne, kNone };
enum class Privilege { kMailOwner, kRoot, kNever };
enum class Lifetime { kBounded, kEndless };
// Where the sessions are served to their end when the process must go.  kInBackground: in a child,
// so that for master the process has ended, and the next one of a service that has only one starts.
enum class Retirement { kInPlace, kInBackground };

// On a busy machine: who wakes the process goes on until it waits itself, so that more has come
// when the process runs, and switches are few; or the process runs at once, for somebody who
// watches.
enum class Wakeups { kTogether, kAtOnce };

struct DaemonTraits {
    std::string_view name;
    ServiceKind kind = ServiceKind::kSessions;
    // What maxproc in master.cf must be: 1 (-l), 0 (-z) or anything.
    ProcessLimit limit = ProcessLimit::kAny;
    // kRoot: refuses -u, because it takes on the recipients' identities.  kNever: becomes
    // mail_owner even where master.cf does not say so; what it needs root for, a RootHelper does.
    Privilege privilege = Privilege::kMailOwner;
    // kEndless: ignores max_use and max_idle.
    Lifetime lifetime = Lifetime::kBounded;
    Retirement retirement = Retirement::kInPlace;
    // 1: the process serves one request at a time (it changes its uid for each).
    int most_sessions = 5000;
    Wakeups wakeups = Wakeups::kTogether;
    // What it may do from after_jail() on; null: all that its ids may, and the daemon says why.
    const SandboxTable* sandbox = nullptr;
};

class Daemon {
  public:
    Daemon() = default;
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    virtual ~Daemon() = default;

    // Still with all privileges and outside the jail: opens tables, certificates, descriptors.
    virtual void before_jail() {}

    // Inside, unprivileged, before the first client.
    virtual void after_jail() {}

    // What its sandbox's table cannot name, because only the running process knows it.
    virtual std::vector<KnownPlace> known_places() { return {}; }

    // Runs beside all sessions from the start (scans, timers).
    virtual Task<void> background() { co_return; }

    // One client of a kSessions or kShared service.  Ends when the client is done.
    virtual Task<void> serve(Connection connection);

    // One wake-up of a kTrigger service: the bytes that came.  Calls never overlap.
    virtual Task<void> trigger(std::string bytes);

    // One message of a kDatagrams service.
    virtual void datagram(std::string_view bytes);

    // Asked before new clients are accepted: the name of a table that has changed, so that the
    // process should make room for a fresh one.
    virtual std::optional<std::string> changed_table() { return std::nullopt; }

    // Asked while clients wait and the process has no place: ends a session that is worth less than
    // a new one.  False: there is none.
    virtual bool make_room() { return false; }

    // The process takes no more clients: lets go of what the next one needs (a locked table).
    virtual Task<void> retiring() { co_return; }

    // The last thing, when no session is left.
    virtual Task<void> shut_down() { co_return; }

    // Seconds after which an idle process ends; 0: never.
    virtual std::chrono::seconds idle_limit() const;

    // How long the loop may stand still before the process ends itself.
    virtual std::chrono::seconds watchdog_timeout() const;
};

// Parses the switches, prepares the process and serves until it is time to go.  `make` is called
// once the configuration is known.
int run_daemon(int argc, char** argv, const DaemonTraits& traits,
               const std::function<std::unique_ptr<Daemon>()>& make);

// Facts about the running process.
struct ProcessInfo {
    std::string service_name;  // -n, or the program's name
    std::string transport;     // -t
    bool chrooted = false;
    std::string jail, user;              // what enter_jail() is told; empty: none
    bool privileged = false;             // started as root: may change its identity
    bool single = false;                 // -l
    bool has_master = false;             // false with -S
    pid_t master = 0;                    // its process; 0 with -S
    int sessions = 1;                    // clients at once; known from the first one on
    std::vector<std::string> arguments;  // what follows the switches
};

const ProcessInfo& process_info();

}  // namespace relais
