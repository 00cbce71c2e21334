#include "tools/postfix/control.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <ranges>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/process_lock.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/config/log_setup.h"
#include "lib/config/services.h"
#include "lib/config/without_effect.h"

#include "tools/postfix/layout.h"

namespace relais::postfix_command {

namespace {

std::vector<char*> c_strings(const std::vector<std::string>& words) {
    std::vector<char*> out;
    out.reserve(words.size() + 1);
    for (const auto& word : words) {
        out.push_back(const_cast<char*>(word.c_str()));
    }
    out.push_back(nullptr);
    return out;
}

std::string script_name = "postfix-script";

void open_log_for_people(bool to_stderr) {
    open_log(script_name, to_stderr ? LogStderr::kYes : LogStderr::kNo);
    LogOptions options = log_options();
    options.stderr_name = options.tag;
    log_open(std::move(options));
}

// The programs that start read the same configuration, wherever it is.
void export_environment() {
    const Config& config = conf();
    const std::pair<const char*, const std::string*> variables[] = {
        {"command_directory", &config.command_directory()},
        {"daemon_directory", &config.daemon_directory()},
        {"data_directory", &config.data_directory()},
        {"meta_directory", &config.meta_directory()},
        {"queue_directory", &config.queue_directory()},
        {"config_directory", &config.config_directory()},
        {"shlib_directory", &config.shlib_directory()},
        {"mail_owner", &config.mail_owner()},
        {"setgid_group", &config.setgid_group()},
        {"sendmail_path", &config.sendmail_path()},
        {"mailq_path", &config.mailq_path()},
        {"newaliases_path", &config.newaliases_path()},
    };
    for (const auto& [name, value] : variables) {
        ::setenv(name, value->c_str(), 1);
    }
}

enum class Output { kKeep, kDiscard };

pid_t start_process(const std::vector<std::string>& argv, Output output = Output::kKeep) {
    auto pointers = c_strings(argv);
    pid_t pid = ::fork();
    if (pid == 0) {
        int null = output == Output::kDiscard ? ::open("/dev/null", O_WRONLY) : -1;
        if (null >= 0) {
            ::dup2(null, STDOUT_FILENO);
        }
        ::execv(pointers[0], pointers.data());
        int reason = errno;
        open_log_for_people(true);
        log_error("cannot execute {}: {}", argv.front(), std::strerror(reason));
        log_flush(500);
        ::_exit(127);
    }
    return pid;
}

std::string quick_start_file() {
    return conf().queue_directory() + "/quick-start";
}

}  // namespace

void open_script_log(std::string_view script) {
    script_name = script;
    open_log_for_people(::isatty(STDERR_FILENO) != 0);
    export_environment();
}

void refuse(std::string_view reason) {
    open_log_for_people(true);
    exit_fatal(reason);
}

void execute(const std::vector<std::string>& argv) {
    auto pointers = c_strings(argv);
    log_flush(500);
    ::execv(pointers[0], pointers.data());
    refuse(format("{}: {}", argv.front(), std::strerror(errno)));
}

static int wait_for(pid_t pid) {
    int status = 0;
    while (pid > 0 && ::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 1;
        }
    }
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int run_and_wait(const std::vector<std::string>& argv) {
    return wait_for(start_process(argv));
}

// postconf tells on standard error which settings are unused or to be replaced.  False: it cannot
// make anything of the configuration, and has said why.
static bool warn_of_unfit_settings() {
    auto postconf = start_process({conf().command_directory() + "/postconf"}, Output::kDiscard);
    return wait_for(postconf) == 0;
}

// What `check` and `start` look at first.  False: as above.
static bool layout_is_usable() {
    create_missing();
    if (auto problem = fatal_problem()) {
        refuse(*problem);
    }
    return warn_of_unfit_settings();
}

std::optional<long> Control::master_pid() const {
    auto holder = process_lock_holder(conf().queue_directory() + "/pid/master.pid");
    if (!holder) {
        refuse(holder.error().message);
    }
    return *holder;
}

void Control::require_running() const {
    if (!master_pid()) {
        refuse("the Postfix mail system is not running");
    }
}

std::vector<std::string> Control::master_command(std::string_view option) const {
    std::vector<std::string> argv = {conf().daemon_directory() + "/master", std::string(option)};
    argv.insert(argv.end(), static_cast<std::size_t>(verbose_), "-v");
    return argv;
}

// Everything that must be right before master can start.
void Control::prepare_start() {
    if (master_pid()) {
        refuse("the Postfix mail system is already running");
    }
    if (::unlink(quick_start_file().c_str()) == 0) {
        return;
    }
    if (!layout_is_usable()) {
        refuse("Postfix integrity check failed!");
    }
    for (const auto& warning : layout_warnings()) {
        log_warning("{}", warning);
    }
    // Names in the queue are put right before the queue manager looks at them.
    if (run_and_wait({conf().command_directory() + "/postsuper"}) != 0) {
        refuse("Postfix integrity check failed!");
    }
}

int Control::start() {
    prepare_start();
    log_info("starting the Postfix mail system");
    if (run_and_wait(master_command("-w")) != 0) {
        refuse("mail system startup failed");
    }
    return 0;
}

int Control::start_in_foreground() {
    prepare_start();
    log_info("starting the Postfix mail system");
    execute(master_command(::getpid() == 1 ? "-i" : "-s"));
}

bool Control::wait_for_end(long pid, int tenths) const {
    for (int i = 0; i < tenths; ++i) {
        if (master_pid() != pid) {
            return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return master_pid() != pid;
}

int Control::stop() {
    require_running();
    log_info("stopping the Postfix mail system");
    long pid = *master_pid();
    ::kill(static_cast<pid_t>(pid), SIGTERM);
    if (wait_for_end(pid, 10)) {
        return 0;
    }
    log_info("waiting for the Postfix mail system to terminate");
    if (wait_for_end(pid, 40)) {
        return 0;
    }
    log_warning("stopping the Postfix mail system with force");
    ::kill(-static_cast<pid_t>(pid), SIGKILL);
    return 0;
}

int Control::quick_stop() {
    int status = stop();
    UniqueFd mark(::open(quick_start_file().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return mark ? status : 1;
}

int Control::abort() {
    require_running();
    log_info("aborting the Postfix mail system");
    ::kill(static_cast<pid_t>(*master_pid()), SIGTERM);
    return 0;
}

// Ends master alone: its children finish what they do, and no new ones start.
int Control::drain() {
    require_running();
    log_info("stopping the Postfix mail system");
    ::kill(static_cast<pid_t>(*master_pid()), SIGKILL);
    return 0;
}

// What a service's own settings (-o) make of the configuration.
static std::vector<std::string> problems_of(const MasterService& service) {
    ConfigOptions wanted;
    wanted.process_name = service.command;
    wanted.service_name = service.name;
    wanted.settings = parameter_settings(service.arguments);
    if (wanted.settings.empty()) {
        return {};
    }
    auto config = Config::load(wanted);
    auto problems = config ? config->check() : std::vector{config.error().message};
    for (auto& problem : problems) {
        problem = format("{}: line {}: service {}: {}", service.file, service.line, service.name,
                         problem);
    }
    return problems;
}

// Everything in the configuration that some program would refuse.
static std::vector<std::string> configuration_problems() {
    auto problems = conf().check();
    if (!problems.empty()) {
        return problems;
    }
    auto services = load_services(conf());
    if (!services) {
        return {services.error().message};
    }
    for (const auto& service : *services) {
        std::ranges::move(problems_of(service), std::back_inserter(problems));
    }
    return problems;
}

// A configuration that daemons could not use must not take the place of one that they can.
static void refuse_broken_configuration() {
    auto problems = configuration_problems();
    if (problems.empty()) {
        return;
    }
    for (const auto& problem : problems | std::views::drop(1)) {
        log_error("{}", problem);
    }
    refuse("reload refused: " + problems.front());
}

int Control::reload() {
    warn_of_unfit_settings();
    require_running();
    refuse_broken_configuration();
    log_info("refreshing the Postfix mail system");
    std::string postsuper = conf().command_directory() + "/postsuper";
    if (run_and_wait({postsuper, "active"}) != 0) {
        refuse("Postfix integrity check failed!");
    }
    ::kill(static_cast<pid_t>(*master_pid()), SIGHUP);
    start_process({postsuper});
    return 0;
}

int Control::status() {
    warn_of_unfit_settings();
    auto pid = master_pid();
    if (!pid) {
        log_info("the Postfix mail system is not running");
        return 1;
    }
    log_info("the Postfix mail system is running: PID: {}", *pid);
    return 0;
}

int Control::flush() {
    execute({conf().command_directory() + "/postqueue", "-f"});
}

int Control::check() {
    if (!layout_is_usable()) {
        return 1;
    }
    for (const auto& warning : layout_warnings()) {
        log_warning("{}", warning);
    }
    for (const auto& problem : configuration_problems()) {
        log_warning("{}", problem);
    }
    if (auto services = load_services(conf())) {
        warn_of_settings_without_effect(conf(), *services);
    }
    require_usable_conf("postfix");  // what master itself cannot start with
    return 0;
}

}  // namespace relais::postfix_command
