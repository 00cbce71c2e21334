// doveadm who, kick: the sessions of users who are logged in, as their processes tell.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include <unistd.h>

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/sandbox.h"
#include "lib/event/loop.h"
#include "lib/ipc/session_register.h"
#include "lib/maps/network.h"

#include "tools/doveadm/auth_service.h"
#include "tools/doveadm/commands.h"
#include "tools/doveadm/master.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// Users' processes say what they like.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kChange, kSessionSockets}},  // those of the dead are removed
};

// Which sessions are meant: of users that fit, from addresses in a network.
struct Filter {
    std::optional<std::string> users;
    std::optional<Network> network;

    bool fits(std::string_view user) const { return !users || fits_pattern(user, *users); }

    bool fits(const UserSession& session) const {
        auto address = network ? address_bytes(session.address) : std::nullopt;
        return !network || (address && network->contains(*address));
    }

    static Filter parse(const Words& words) {
        Filter filter;
        for (const std::string& word : words) {
            auto network = Network::around(word);
            if (network ? filter.network.has_value() : filter.users.has_value()) {
                print_error("", network ? "Multiple network masks not supported"
                                        : "Multiple username masks not supported");
                std::exit(kUsage);
            }
            if (network) {
                filter.network = *network;
            } else {
                filter.users = word;
            }
        }
        return filter;
    }
};

// -a names the service that knows who is logged in; each user's process tells it here, wherever
// that one listens.  But somebody should.
void expect_service(const OptionWords& options) {
    if (options.has('a')) {
        expect_listener(options.get('a'));
    }
}

// Those that fit; processes that have none are left out.
std::vector<UserSessions> sessions_for(const Filter& filter) {
    if (::chdir(conf().queue_directory().c_str()) != 0) {
        end_with(kTemporary,
                 format("chdir({}) failed: {}", conf().queue_directory(), std::strerror(errno)));
    }
    Loop& loop = Loop::current();
    enter_sandbox(kSandbox);
    auto all = loop.run_task(list_user_sessions());
    if (!all) {
        end_with(kTemporary, all.error().message);
    }
    for (UserSessions& process : *all) {
        bool fits = filter.fits(process.user);
        std::erase_if(process.sessions,
                      [&](const UserSession& session) { return !fits || !filter.fits(session); });
    }
    std::erase_if(*all, [](const UserSessions& process) { return process.sessions.empty(); });
    return std::move(*all);
}

// The sessions of a user by one protocol, whichever processes have them.
struct Line {
    std::string user;
    std::string service;
    std::size_t sessions = 0;
    Words processes;
    Words addresses;
};

void add_once(Words& words, std::string word) {
    if (std::ranges::find(words, word) == words.end()) {
        words.push_back(std::move(word));
    }
}

std::vector<Line> lines_of(const std::vector<UserSessions>& all) {
    std::vector<Line> lines;
    for (const UserSessions& process : all) {
        auto line = std::ranges::find_if(lines, [&process](const Line& each) {
            return each.user == process.user && each.service == process.service;
        });
        if (line == lines.end()) {
            line = lines.insert(line, {process.user, process.service, 0, {}, {}});
        }
        line->sessions += process.sessions.size();
        add_once(line->processes, std::to_string(process.process));
        for (const UserSession& session : process.sessions) {
            add_once(line->addresses, session.address);
        }
    }
    return lines;
}

void print_users(const std::vector<UserSessions>& all, Printer& printer) {
    printer.set_columns({{"username"},
                         {"connections", "#"},
                         {"service", "proto"},
                         {"pids", "(pids)"},
                         {.key = "ips", .title = "(ips)", .expands = true}});
    for (const Line& line : lines_of(all)) {
        printer.value(printable(line.user));
        printer.value(std::to_string(line.sessions));
        printer.value(printable(line.service));
        printer.value("(" + join(line.processes, " ") + ")");
        printer.value("(" + printable(join(line.addresses, " ")) + ")");
    }
}

void print_sessions(const std::vector<UserSessions>& all, Printer& printer) {
    printer.set_columns(
        {{.key = "username", .expands = true}, {"service", "proto"}, {"pid"}, {"ip"}});
    for (const UserSessions& process : all) {
        for (const UserSession& session : process.sessions) {
            printer.value(printable(process.user));
            printer.value(printable(process.service));
            printer.value(std::to_string(process.process));
            printer.value(printable(session.address));
        }
    }
}

// True where at least one of them was there to be ended.
bool end_sessions(const UserSessions& process) {
    bool any = false;
    for (const UserSession& session : process.sessions) {
        auto ended = Loop::current().run_task(
            end_user_session(process.service, process.process, session.id));
        if (!ended) {
            print_error("", format("process {}: {}", process.process, ended.error().message));
        }
        any |= ended && *ended;
    }
    return any;
}

}  // namespace

int cmd_who(const Command& command, Words words, const Globals& globals) {
    OptionWords options(command, std::move(words));
    expect_service(options);
    auto all = sessions_for(Filter::parse(options.rest()));
    auto printer = globals.printer("table");
    if (options.has('1')) {
        print_sessions(all, *printer);
    } else {
        print_users(all, *printer);
    }
    printer->finish();
    return kOk;
}

int cmd_kick(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    if (options.rest().empty()) {
        print_error("", "user and/or ip[/bits] must be specified.");
        return kUsage;
    }
    expect_service(options);
    Words kicked;
    for (const UserSessions& process : sessions_for(Filter::parse(options.rest()))) {
        if (end_sessions(process)) {
            add_once(kicked, printable(process.user));
        }
    }
    if (kicked.empty()) {
        std::puts("no users kicked");
        return kNotFound;
    }
    std::puts("kicked connections from the following users:");
    std::printf("%s \n", join(kicked, " ").c_str());
    return kOk;
}

}  // namespace relais::doveadm
