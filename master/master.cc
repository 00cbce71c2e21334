// master(8): starts the daemons of the mail system when there is work for them, limits how many
// run, starts them again when they fail, and passes on reload and stop.
//
// Started by `postfix start` as root (or by the user to whom a private instance belongs).  It reads
// main.cf and master.cf, makes the sockets in the queue directory, and talks to no client itself.

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/log_fallback.h"
#include "lib/base/process_lock.h"
#include "lib/base/strings.h"
#include "lib/config/accounts.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/config/log_setup.h"
#include "lib/config/old_default.h"
#include "lib/config/without_effect.h"
#include "lib/daemon/debugger.h"
#include "lib/daemon/sandbox.h"
#include "lib/event/log_pump.h"
#include "lib/event/signals.h"
#include "lib/event/socket.h"

#include "master/environment.h"
#include "master/options.h"
#include "master/service_manager.h"
#include "master/suite.h"

using namespace relais;
using namespace relais::master;

namespace {

constexpr auto kWaitForStart = std::chrono::seconds(100);

void load_configuration() {
    ConfigOptions wanted;
    wanted.process_name = "master";
    load_usable_conf_with_accounts(wanted);
    set_tcp_window(conf().tcp_windowsize());
}

bool is_privileged() {
    return ::getuid() == 0;
}

// Root runs any instance; anybody else only one that is wholly his own.
void check_identity() {
    struct stat info{};
    if (is_privileged()) {
        return;
    }
    if (::stat(conf().queue_directory().c_str(), &info) != 0 || info.st_uid != ::getuid()) {
        log_fatal("master needs root privileges, or a queue directory of your own: {}",
                  conf().queue_directory());
    }
    log_info("running as uid {}: no chroot, and no change of uid", ::getuid());
}

int test_lock() {
    auto holder = process_lock_holder(conf().queue_directory() + "/pid/master.pid");
    if (!holder) {
        log_fatal("{}", holder.error().message);
    }
    return *holder ? 1 : 0;
}

// Waits for the byte that the new master writes when it is ready.
[[noreturn]] void wait_for_child(int read_end) {
    char byte = 0;
    ::alarm(static_cast<unsigned>(kWaitForStart.count()));
    ssize_t got;
    do {
        got = ::read(read_end, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got != 1) {
        log_fatal("daemon initialization failure -- see logs for details");
    }
    std::_Exit(0);
}

// -w: goes into the background; the returned descriptor takes the byte that releases the parent.
UniqueFd fork_into_background() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        log_fatal("pipe: {}", std::strerror(errno));
    }
    UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    pid_t pid = ::fork();
    if (pid < 0) {
        log_fatal("fork: {}", std::strerror(errno));
    }
    if (pid > 0) {
        write_end.reset();
        wait_for_child(read_end.get());
    }
    return write_end;
}

void leave_terminal(const MasterOptions& options) {
    if (!options.debugging && !options.init && ::getsid(0) != ::getpid() && ::setsid() < 0 &&
        ::getpgrp() != ::getpid()) {
        log_fatal("unable to set session and process group ID: {}", std::strerror(errno));
    }
    UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        bool kept = fd == STDOUT_FILENO && (options.keep_stdout || options.init);
        if (!kept) {
            ::dup2(null.get(), fd);
        }
    }
}

// Keeps low numbers free of descriptors that children get by number.
void reserve_low_descriptors() {
    for (int i = 0; i < 5; ++i) {
        [[maybe_unused]] int reserved = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    }
}

struct Locks {
    UniqueFd process;
    UniqueFd data;
};

Locks take_locks(const ListenContext& context) {
    Locks locks;
    auto process = take_process_lock(conf().queue_directory() + "/pid/master.pid");
    if (!process) {
        log_fatal("{}", process.error().message);
    }
    locks.process = std::move(*process);
    OwnerIdentity owner(context);
    auto data = take_process_lock(conf().data_directory() + "/master.lock");
    if (!data) {
        log_fatal("{}", data.error().message);
    }
    locks.data = std::move(*data);
    return locks;
}

void lift_file_size_limit() {
    rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    if (is_privileged()) {
        ::setrlimit(RLIMIT_FSIZE, &unlimited);
    }
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &files);
    }
}

void prepare_runtime(Runtime& runtime, const MasterOptions& options) {
    runtime.verbose = options.verbose;
    runtime.debugging = options.debugging;
    runtime.processors = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    runtime.listening.can_chown = is_privileged();
    runtime.listening.backlog = conf().default_process_limit();
    if (is_privileged()) {
        auto owner = user_ids(conf().mail_owner());
        if (!owner) {
            log_fatal("parameter mail_owner: {}", owner.error().message);
        }
        runtime.listening.owner = *owner;
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        log_fatal("pipe: {}", std::strerror(errno));
    }
    runtime.flow_read.reset(ends[0]);
    runtime.flow_write.reset(ends[1]);
    runtime.environment = child_environment();
}

// Services that are chrooted because an old compatibility_level makes that the default.
void remark_old_chroot(const std::vector<MasterService>& services) {
    for (const auto& service : services) {
        if (service.chroot_is_default && service.is_chroot) {
            log_old_default(OldDefault::kChroot, {},
                            format("{}: line {}", service.file, service.line));
        }
    }
}

// SIGHUP: takes the new configuration over when it is whole; the old one stays in force otherwise.
void reload(Suite& suite, Runtime& runtime) {
    log_info("reload -- version {}, configuration {}", conf().mail_version(),
             conf().config_directory());
    ConfigOptions wanted;
    wanted.process_name = "master";
    auto config = Config::load(wanted);
    if (!config) {
        log_error("reload refused, the old configuration stays: {}", config.error().message);
        return;
    }
    auto problems = config->check();
    if (auto problem = account_problem(*config)) {
        problems.push_back(std::move(*problem));
    }
    if (!problems.empty()) {
        for (const auto& problem : problems) {
            log_error("reload refused, the old configuration stays: {}", problem);
        }
        return;
    }
    if (config->queue_directory() != conf().queue_directory() ||
        config->inet_protocols() != conf().inet_protocols()) {
        log_warning("ignoring the new queue_directory or inet_protocols: stop and start to change");
        config->set("queue_directory", conf().queue_directory());
        config->set("inet_protocols", conf().inet_protocols());
    }
    auto services = read_services(*config);
    if (!services) {
        log_error("reload refused, the old configuration stays: {}", services.error().message);
        return;
    }
    set_conf(std::move(*config));
    set_tcp_window(conf().tcp_windowsize());
    open_log("master", LogStderr::kNo);
    runtime.environment = child_environment();
    warn_of_settings_without_effect(conf(), *services);
    remark_old_chroot(*services);
    suite.reload(*services);
}

// SIGTERM and its like: everybody in the process group ends, then this process, the same way.
[[noreturn]] void terminate(int signal_number, const MasterOptions& options,
                            const ServiceManager& manager) {
    log_info("terminating on signal {}", signal_number);
    manager.stopping();
    log_flush(200);
    ::signal(SIGTERM, SIG_IGN);
    ::kill(options.init ? -1 : -::getpgrp(), SIGTERM);
    if (options.init) {
        std::_Exit(0);
    }
    ::signal(signal_number, SIG_DFL);
    ::raise(signal_number);
    std::_Exit(1);
}

// What `systemctl status` shows.
std::string status_line() {
    return format("version {}, configuration {}", conf().mail_version(), conf().config_directory());
}

// Serves until told to end.  Whoever waits on `ready` hears when signals are taken.
void run(Suite& suite, Runtime& runtime, const MasterOptions& options, UniqueFd ready) {
    Loop& loop = Loop::current();
    pump_log();
    ServiceManager manager;
    SignalWatch child(SIGCHLD, [&] { suite.reap(); });
    SignalWatch hang_up(SIGHUP, [&] {
        manager.reloading();
        reload(suite, runtime);
        manager.ready(status_line());
    });
    SignalWatch terminated(SIGTERM, [&] { terminate(SIGTERM, options, manager); });
    SignalWatch interrupted(SIGINT, [&] { terminate(SIGINT, options, manager); });
    SignalWatch quit(SIGQUIT, [&] { terminate(SIGQUIT, options, manager); });
    Timer exit_timer([&] { terminate(SIGTERM, options, manager); });
    if (options.exit_after) {
        exit_timer.start(*options.exit_after);
    }
    if (ready) {
        [[maybe_unused]] ssize_t told = ::write(ready.get(), "", 1);
        ready.reset();
    }
    manager.ready(status_line());
    loop.run();
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(077);
    open_early_log("master", LogStderr::kYes);
    MasterOptions options = parse_options(argc, argv);
    set_log_verbose(options.verbose);
    load_configuration();
    log_without_postlogd();
    open_log("master", LogStderr::kYes);
    check_identity();
    if (options.test_lock) {
        return test_lock();
    }
    ::closefrom(3);
    open_log("master", LogStderr::kYes);
    UniqueFd ready;
    if (options.wait) {
        ready = fork_into_background();
    }
    if (::chdir(conf().queue_directory().c_str()) != 0) {
        log_fatal("chdir {}: {}", conf().queue_directory(), std::strerror(errno));
    }
    auto services = read_services(conf());
    if (!services) {
        log_fatal("{}", services.error().message);
    }
    warn_of_settings_without_effect(conf(), *services);
    remark_old_chroot(*services);
    leave_terminal(options);
    open_log("master", LogStderr::kNo);
    reserve_low_descriptors();
    lift_file_size_limit();
    Runtime runtime;
    prepare_runtime(runtime, options);
    Locks locks = take_locks(runtime.listening);
    Suite suite(&runtime);
    // Whatever ends the start in the middle is said while nobody could start postlogd any more.
    log_expect_postlogd(false);
    suite.start(*services);
    if (const auto missing = missing_protection(); !missing.empty()) {
        log_info("sandbox: less than there could be: {}", missing);
    }
    log_expect_postlogd(true);
    log_info("daemon started -- version {}, configuration {}", conf().mail_version(),
             conf().config_directory());
    if (options.debugger || debugging_wanted()) {
        run_debugger("master");
    }
    run(suite, runtime, options, std::move(ready));
    return 0;
}
