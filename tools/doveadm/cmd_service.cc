// doveadm process status, service status and stop, instance list and remove, stats dump: what runs
// of the mail system, by master.cf and the kernel.  What only Dovecot's master counts is 0 here.
#include <algorithm>
#include <array>
#include <ctime>

#include <sys/stat.h>

#include "lib/base/format.h"
#include "lib/base/process_lock.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/services.h"
#include "lib/maps/network.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/master.h"
#include "tools/doveadm/processes.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// The mailbox server's; the others are Postfix's affair.
constexpr std::array<std::string_view, 8> kPrograms = {
    "anvil", "auth", "imap", "imap-login", "lmtpd", "pop3", "pop3-login", "quota-status"};

std::vector<MailProcess> mailbox_processes() {
    auto all = descendants_of(running_master());
    if (!all) {
        end_with(kTemporary, all.error().message);
    }
    std::erase_if(*all, [](const MailProcess& process) {
        return std::ranges::none_of(
            kPrograms, [&](std::string_view program) { return runs(process, program); });
    });
    return std::move(*all);
}

bool is_wanted(const Words& wanted, std::string_view name) {
    return wanted.empty() || std::ranges::find(wanted, name) != wanted.end();
}

// The lines of master.cf that run one program are one service.
struct Service {
    std::string program;
    int process_limit = 0;
};

std::vector<Service> mailbox_services() {
    auto lines = load_services(conf());
    if (!lines) {
        end_with(kTemporary, lines.error().message);
    }
    std::vector<Service> services;
    for (const MasterService& line : *lines) {
        if (std::ranges::find(kPrograms, line.command) == kPrograms.end()) {
            continue;
        }
        auto known = std::ranges::find(services, line.command, &Service::program);
        if (known == services.end()) {
            services.push_back({line.command, line.process_limit});
        } else {
            known->process_limit += line.process_limit;
        }
    }
    return services;
}

void print_row(Printer& printer, const Words& values) {
    for (const std::string& value : values) {
        printer.value(value);
    }
}

std::string time_text(std::int64_t time) {
    std::array<char, 32> text{};
    std::time_t when = time;
    std::tm local{};
    ::localtime_r(&when, &local);
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
    return text.data();
}

}  // namespace

int cmd_process_status(const Command& command, Words words, const Globals& globals) {
    OptionWords options(command, std::move(words));
    auto printer = globals.printer("table");
    printer->set_columns({{"name"},
                          {"pid"},
                          {"available_count"},
                          {"total_count"},
                          {"idle_start"},
                          {"last_status_update"},
                          {"last_kill_sent"}});
    for (const MailProcess& process : mailbox_processes()) {
        if (is_wanted(options.rest(), process.name)) {
            print_row(*printer, {process.name, std::to_string(process.pid), "0", "0", "0",
                                 std::to_string(process.since), "0"});
        }
    }
    printer->finish();
    return kOk;
}

int cmd_service_status(const Command& command, Words words, const Globals& globals) {
    OptionWords options(command, std::move(words));
    std::vector<MailProcess> processes = mailbox_processes();
    auto printer = globals.printer("pager");
    printer->set_columns({{"name"},
                          {"process_count"},
                          {"process_avail"},
                          {"process_limit"},
                          {"client_limit"},
                          {"throttle_secs"},
                          {"exit_failure_last"},
                          {"exit_failures_in_sec"},
                          {"last_drop_warning"},
                          {"listen_pending"},
                          {"listening"},
                          {"doveadm_stop"},
                          {"process_total"}});
    for (const Service& service : mailbox_services()) {
        if (!is_wanted(options.rest(), service.program)) {
            continue;
        }
        std::string count = std::to_string(std::ranges::count_if(
            processes, [&](const MailProcess& each) { return runs(each, service.program); }));
        std::string limit = std::to_string(service.process_limit);
        print_row(*printer, {service.program, count, count, limit, limit, "0", "0", "0", "0", "n",
                             "y", "n", count});
    }
    printer->finish();
    return kOk;
}

int cmd_service_stop(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    if (options.rest().empty()) {
        end_with(kTemporary, "service parameter missing");
    }
    int status = kOk;
    auto services = mailbox_services();
    for (const std::string& name : options.rest()) {
        bool known = std::ranges::find(services, name, &Service::program) != services.end();
        print_error("", known ? format("{}: a service stops when its lines are taken out of "
                                       "master.cf, with postfix reload",
                                       name)
                              : "Unknown service: " + printable(name));
        status = known ? kNotPossible : kNotFound;
    }
    return status;
}

int cmd_instance_list(const Command& command, Words words, const Globals& globals) {
    OptionWords options(command, std::move(words));
    std::string path = conf().queue_directory();
    std::string lock = path + "/pid/master.pid";
    auto running = process_lock_holder(lock);
    struct stat status{};
    bool used = ::stat(lock.c_str(), &status) == 0;
    auto printer = globals.printer("table");
    printer->set_columns({{"path"}, {"name"}, {"last used"}, {"running"}});
    if (is_wanted(options.rest(), conf().syslog_name())) {
        print_row(*printer,
                  {path, conf().syslog_name(), used ? time_text(status.st_mtime) : "never",
                   running && *running ? "yes" : "no"});
    }
    printer->finish();
    return kOk;
}

int cmd_instance_remove(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    if (options.rest().empty()) {
        command_usage(command);
    }
    bool ours =
        options.rest()[0] == conf().syslog_name() || options.rest()[0] == conf().queue_directory();
    print_error("",
                ours ? "Instances are removed with postmulti" : "Instance already didn't exist");
    return ours ? kNotPossible : kNotFound;
}

// As with a Dovecot where nobody has guessed: who does is not delayed by his address here, but
// refused (auth_client_failure_limit).
int cmd_penalty(const Command& command, Words words, const Globals& globals) {
    OptionWords options(command, std::move(words));
    options.expect_at_most(1);
    for (const std::string& word : options.rest()) {
        if (!Network::around(word)) {
            print_error("", format("Invalid netmask '{}' given", printable(word)));
            return kUsage;
        }
    }
    if (options.has('a')) {
        expect_listener(options.get('a'));
    }
    auto printer = globals.printer("table");
    printer->set_columns({{"IP"}, {"penalty"}, {"last_penalty"}, {"last_update"}});
    printer->finish();
    return kOk;
}

// As with a Dovecot without that service: mailboxes are made the same by doveadm sync.
int cmd_replicator(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    std::string path = options.has('a') ? options.get('a')
                                        : conf().queue_directory() + "/private/replicator-doveadm";
    expect_listener(path);
    end_with(kTemporary, format("{}: no replicator is asked here", printable(path)));
}

// As with a Dovecot for which no metric is configured.
int cmd_stats_dump(const Command& command, Words words, const Globals& globals) {
    constexpr std::string_view kFields = "count sum min max avg median stddev %95";
    OptionWords options(command, std::move(words));
    options.expect_at_most(0);
    if (options.has('s')) {
        expect_listener(options.get('s'));
    }
    std::string wanted = options.has('f') ? options.get('f') : std::string(kFields);
    std::vector<Column> columns = {{"metric_name"}, {"field"}};
    for (std::string_view field : split_words(wanted)) {
        columns.push_back({std::string(field)});
    }
    auto printer = globals.printer("tab");
    printer->set_columns(std::move(columns));
    printer->finish();
    return kOk;
}

}  // namespace relais::doveadm
