#include "lib/daemon/daemon.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/config/log_setup.h"
#include "lib/daemon/debugger.h"
#include "lib/daemon/master_link.h"
#include "lib/daemon/options.h"
#include "lib/daemon/privileges.h"
#include "lib/daemon/server.h"
#include "lib/daemon/stdio_client.h"
#include "lib/event/child.h"
#include "lib/event/log_pump.h"
#include "lib/event/socket.h"
#include "lib/maps/bdb/non_bdb.h"

namespace relais {

Task<void> Daemon::serve(Connection /*connection*/) {
    log_panic("this daemon does not serve connections");
    co_return;
}

Task<void> Daemon::trigger(std::string /*bytes*/) {
    log_panic("this daemon does not take triggers");
    co_return;
}

void Daemon::datagram(std::string_view /*bytes*/) {
    log_panic("this daemon does not take datagrams");
}

std::chrono::seconds Daemon::idle_limit() const {
    return conf().max_idle();
}

std::chrono::seconds Daemon::watchdog_timeout() const {
    return conf().daemon_timeout();
}

namespace {

ProcessInfo& mutable_info() {
    static ProcessInfo info;
    return info;
}

void load_configuration(const DaemonOptions& options, const DaemonTraits& traits) {
    ConfigOptions wanted;
    wanted.process_name = traits.name;
    wanted.service_name = options.service_name;
    wanted.settings = options.settings;
    load_usable_conf_with_accounts(wanted);
    set_tcp_window(conf().tcp_windowsize());
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void protect_inherited_descriptors(const DaemonOptions& options) {
    for (int fd = kFlowReadFd; fd < kListenFd + options.sockets; ++fd) {
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

// How many sessions this process takes, and when it asks for company.
ServerLimits server_limits(const Daemon& daemon, const DaemonTraits& traits,
                           const DaemonOptions& options, const MasterLink& link) {
    ServerLimits limits;
    bool counted = traits.kind == ServiceKind::kSessions && traits.most_sessions > 1;
    limits.sessions = traits.most_sessions;
    if (counted) {
        int granted = link.sessions_granted() > 0 ? link.sessions_granted()
                      : options.alone             ? 1
                                                  : conf().default_process_limit();
        int wanted = conf().transport_int(options.service_name, "_sessions_per_process");
        limits.sessions = std::min(traits.most_sessions, wanted > 0 ? wanted : granted);
    }
    limits.sessions = std::max(limits.sessions, 1);
    // Under Relais' master a half-full process already asks for a second one on another core; it
    // goes on taking clients meanwhile.
    bool shares = counted && link.sessions_granted() > 0;
    limits.busy_at = shares ? std::max(1, limits.sessions / 4) : limits.sessions;
    if (traits.lifetime == Lifetime::kBounded) {
        long uses = options.max_use.value_or(conf().max_use());
        limits.most_clients = uses * (counted ? limits.sessions : 1);
        limits.idle = options.max_idle.value_or(daemon.idle_limit());
    }
    limits.retire = options.retire.value_or(std::chrono::seconds(0));
    return limits;
}

// The process ends itself when its loop has not turned for so long.
class Watchdog {
  public:
    explicit Watchdog(std::chrono::seconds timeout)
        : period_(std::max(timeout, std::chrono::seconds(3))) {
        struct sigaction action{};
        action.sa_handler = &Watchdog::on_alarm;
        ::sigaction(SIGALRM, &action, nullptr);
    }

    Task<void> run() {
        for (;;) {
            ::alarm(static_cast<unsigned>(period_.count()));
            co_await sleep_for(period_ / 3);
        }
    }

  private:
    static void on_alarm(int /*signal*/) {
        constexpr std::string_view kText = "watchdog timeout\n";
        ssize_t ignored = ::write(STDERR_FILENO, kText.data(), kText.size());
        static_cast<void>(ignored);
        ::_exit(1);
    }

    std::chrono::seconds period_;
};

Task<void> serve_master(Daemon* daemon, const DaemonTraits* traits, const DaemonOptions* options) {
    MasterLink link;
    ServerLimits limits = server_limits(*daemon, *traits, *options, link);
    mutable_info().sessions = limits.sessions;
    bool counted = traits->kind == ServiceKind::kSessions;
    link.announce_capacity(counted ? limits.sessions : 1);
    Server server(daemon, *traits, *options, limits, &link);
    Watchdog watchdog(daemon->watchdog_timeout());
    TaskGroup beside;
    beside.spawn(watchdog.run());
    co_await server.run();
    co_await beside.close();
}

Task<void> serve_once(Daemon* daemon) {
    TaskGroup background;
    background.spawn(daemon->background());
    co_await serve_stdio(daemon);
    co_await background.close();
    co_await daemon->shut_down();
}

}  // namespace

const ProcessInfo& process_info() {
    return mutable_info();
}

namespace {

// Each message takes and frees some buffers of its own size: giving the memory back to the kernel
// in between costs a system call or two, every time.
void keep_some_memory() {
#ifdef __GLIBC__
    constexpr int kKept = 1 << 20;
    ::mallopt(M_TRIM_THRESHOLD, kKept);
#endif
}

}  // namespace

namespace {

// Leaves alone what an administrator has set (chrt, systemd).  Commands that the process starts are
// scheduled like any other.
void wake_together() {
    const sched_param none{};
    if (::sched_getscheduler(0) == SCHED_OTHER &&
        ::sched_setscheduler(0, SCHED_BATCH, &none) == 0) {
        set_child_policy(SCHED_OTHER);
    }
}

}  // namespace

int run_daemon(int argc, char** argv, const DaemonTraits& traits,
               const std::function<std::unique_ptr<Daemon>()>& make) {
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);
    open_early_log(traits.name, LogStderr::kNo);
    DaemonOptions options = parse_daemon_options(argc, argv, traits);
    set_log_verbose(options.verbose);
    load_configuration(options, traits);
    open_log(traits.name, options.log_to_stderr ? LogStderr::kTagged : LogStderr::kNo);
    raise_descriptor_limit();
    keep_some_memory();
    if (traits.wakeups == Wakeups::kTogether) {
        wake_together();
    }
    protect_inherited_descriptors(options);
    if (::chdir(conf().queue_directory().c_str()) != 0) {
        log_fatal("chdir(\"{}\"): {}", conf().queue_directory(), std::strerror(errno));
    }
    const bool as_mail_owner =
        options.as_mail_owner || (traits.privilege == Privilege::kNever && !options.on_stdio);
    mutable_info() = ProcessInfo{.service_name = options.service_name,
                                 .transport = options.transport_name,
                                 .chrooted = options.chroot && can_change_identity(),
                                 .jail = options.chroot ? conf().queue_directory() : "",
                                 .user = as_mail_owner ? conf().mail_owner() : "",
                                 .privileged = can_change_identity(),
                                 .single = options.alone,
                                 .has_master = !options.on_stdio,
                                 .master = options.on_stdio ? 0 : ::getppid(),
                                 .arguments = options.arguments};
    if (!options.on_stdio) {
        ask_for_missing_tables();
    }
    if (options.debugger || debugging_wanted()) {
        run_debugger(traits.name);
    }
    pump_log();
    auto daemon = make();
    daemon->before_jail();
    enter_jail(process_info().jail, process_info().user);
    daemon->after_jail();
    // By hand (-S) a process does what a command does, and may run others: postdrop.
    if (traits.sandbox != nullptr && !options.on_stdio) {
        enter_sandbox(*traits.sandbox, daemon->known_places());
    }
    if (options.on_stdio) {
        Loop::current().run_task(serve_once(daemon.get()));
    } else {
        Loop::current().run_task(serve_master(daemon.get(), &traits, &options));
    }
    log_flush(1000);
    return 0;
}

}  // namespace relais
