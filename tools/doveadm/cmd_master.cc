// doveadm reload, stop, config: of the mail system, whose part the mailbox server is.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/process_lock.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/event/socket.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/master.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

std::string lock_file() {
    return conf().queue_directory() + "/pid/master.pid";
}

std::optional<long> holder() {
    auto pid = process_lock_holder(lock_file());
    if (!pid) {
        end_with(kTemporary, pid.error().message);
    }
    return *pid;
}

void send_signal(pid_t pid, int number) {
    if (::kill(pid, number) != 0) {
        end_with(kTemporary, format("kill({}, {}) failed: {}", pid, number, std::strerror(errno)));
    }
}

}  // namespace

pid_t running_master() {
    auto pid = holder();
    if (!pid) {
        end_with(kTemporary, format("Dovecot is not running (read from {})", lock_file()));
    }
    return static_cast<pid_t>(*pid);
}

void reload_master() {
    send_signal(running_master(), SIGHUP);
}

void expect_listener(const std::string& path) {
    constexpr std::chrono::seconds kPatience{5};
    auto fd = Loop::current().run_task(connect_unix(path, Deadline::after(kPatience)));
    if (!fd) {
        end_with(kTemporary, format("net_connect_unix({}) failed: {}", printable(path),
                                    std::strerror(fd.error().sys_errno)));
    }
}

int cmd_reload(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    options.expect_at_most(0);
    reload_master();
    return kOk;
}

int cmd_stop(const Command& command, Words words, const Globals& /*globals*/) {
    constexpr int kTenths = 50;
    OptionWords options(command, std::move(words));
    options.expect_at_most(0);
    pid_t pid = running_master();
    send_signal(pid, SIGTERM);
    for (int i = 0; i < kTenths && holder() == pid; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return kOk;
}

int cmd_config(const Command& /*command*/, Words words, const Globals& /*globals*/) {
    words.insert(words.begin(), {"doveconf", "-c", conf().config_directory()});
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    std::string program = conf().command_directory() + "/doveconf";
    ::execv(program.c_str(), arguments.data());
    end_with(kTemporary, format("execv({}) failed: {}", program, std::strerror(errno)));
}

}  // namespace relais::doveadm
