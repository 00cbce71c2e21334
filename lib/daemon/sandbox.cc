#include "lib/daemon/sandbox.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/sandbox/call_filter.h"
#include "lib/daemon/sandbox/foreign_filter.h"
#include "lib/daemon/sandbox/landlock.h"
#include "lib/daemon/sandbox/name_service.h"
#include "lib/daemon/sandbox/places.h"
#include "lib/daemon/sandbox/refused_calls.h"
#include "lib/maps/table_needs.h"

namespace relais {

namespace {

enum class Mode { kStrict, kLog, kOff };

#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
constexpr bool kSanitized = true;  // its run-time library needs more than we know of
#else
constexpr bool kSanitized = false;
#endif

constexpr std::uint16_t kDnsPort = 53;
constexpr const char* kNameService = "/etc/nsswitch.conf";

Mode mode_wanted() {
    const std::string& text = conf().sandbox();
    if (text == "strict") {
        return Mode::kStrict;
    }
    if (text == "log") {
        return Mode::kLog;
    }
    if (text != "off") {
        log_fatal("bad value for sandbox: \"{}\": must be strict, log or off", text);
    }
    return Mode::kOff;
}

bool reads_names(const SandboxTable& table) {
    return std::ranges::find(table.files, "@names", &FileRule::where) != table.files.end();
}

Reach reach_of(const SandboxTable& table) {
    bool servers = table_needs().servers;
    for (const std::string_view parameter : table.servers_if) {
        servers = servers || !conf().text_value(parameter).empty();
    }
    if (!servers && reads_names(table)) {
        servers = asks_network_for_accounts(read_file(kNameService).value_or(""));
    }
    return servers ? Reach::kServers : table.reach;
}

// Port 53, and those of servers that are named with a port: "ADDRESS:PORT".
std::vector<std::uint16_t> resolver_ports() {
    std::vector<std::uint16_t> ports = {kDnsPort};
    for (const std::string_view server : split_words(conf().dns_servers(), ", \t\r\n")) {
        const auto colon = server.rfind(':');
        const auto port =
            colon == std::string_view::npos ? std::nullopt : parse_uint(server.substr(colon + 1));
        if (port && *port <= 0xffff) {
            ports.push_back(static_cast<std::uint16_t>(*port));
        }
    }
    return ports;
}

FileAndPortRules rules_of(const SandboxTable& table, std::span<const KnownPlace> known_now) {
    FileAndPortRules rules;
    rules.places = places_of(table, known_now);
    const Reach reach = reach_of(table);
    rules.all_ports = reach == Reach::kServers;
    if (reach == Reach::kResolver) {
        rules.ports = resolver_ports();
    }
    return rules;
}

void append(AllowedCalls& allowed, CallGroup group) {
    for (const SystemCall& call : system_calls(group)) {
        allowed.numbers.push_back(call.number);
    }
}

void append(AllowedCalls& allowed, std::span<const CheckedCall> calls) {
    allowed.checked.insert(allowed.checked.end(), calls.begin(), calls.end());
}

bool changes_files(const FileAndPortRules& rules) {
    return std::ranges::find(rules.places, Access::kChange, &KnownPlace::access) !=
           rules.places.end();
}

AllowedCalls calls_of(const SandboxTable& table, const FileAndPortRules& rules) {
    AllowedCalls allowed;
    append(allowed, CallGroup::kAlways);
    append(allowed, checked_calls(CheckedGroup::kAlways));
    if (rules.all_ports) {
        append(allowed, CallGroup::kSendAnywhere);
    } else {
        append(allowed, checked_calls(CheckedGroup::kSendOnConnections));
    }
    if (changes_files(rules)) {
        append(allowed, CallGroup::kChangeFiles);
    }
    if (rules.all_ports || !rules.ports.empty()) {
        append(allowed, CallGroup::kBind);
        append(allowed, checked_calls(CheckedGroup::kInternet));
    }
    for (const ExtraCalls extra : table.calls) {
        append(allowed,
               extra == ExtraCalls::kIdentity ? CallGroup::kIdentity : CallGroup::kWatches);
    }
    return allowed;
}

// From the root on, as they are called and without links: the handler of log mode compares texts.
std::vector<KnownPlace> by_whole_names(const std::vector<KnownPlace>& places) {
    std::error_code nowhere;
    const auto here = std::filesystem::current_path(nowhere);
    std::vector<KnownPlace> out;
    for (const KnownPlace& place : places) {
        if (!place.path.empty()) {
            out.push_back({place.access, (here / place.path).lexically_normal()});
        }
        if (auto real = real_path(place.path)) {
            out.push_back({place.access, std::move(*real)});
        }
    }
    return out;
}

bool knows_our_refusal() {
    const std::uint32_t action = SECCOMP_RET_TRAP;
    return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

bool seccomp_is_there() {
    return call_filter_known() && is_survived([] { knows_our_refusal(); }) && knows_our_refusal();
}

// A kernel that has less than it says is done without; who has no descriptor or memory left could
// be made to do without by whoever has set these limits (foreign_filter.cc: no process either).
void warn_of(const Result<void>& done) {
    if (done) {
        return;
    }
    const int error = done.error().sys_errno;
    if (error == EMFILE || error == ENFILE || error == ENOMEM) {
        log_fatal("sandbox: {}", done.error().message);
    }
    log_warning("sandbox: {}", done.error().message);
}

void be_strict(const SandboxTable& table, FileAndPortRules rules) {
    warn_of(restrict_files_and_ports(rules));
    if (seccomp_is_there()) {
        auto program = make_call_filter(calls_of(table, rules), 0);
        handle_refused_calls(Refusal::kFails, std::move(rules));
        warn_of(install_call_filter(std::move(program)));
    }
}

void log_only(const SandboxTable& table, FileAndPortRules rules) {
    if (!seccomp_is_there()) {
        return;
    }
    AllowedCalls allowed = calls_of(table, rules);
    allowed.trapped = calls_with_places();
    auto program = make_call_filter(allowed, passing_instruction());
    rules.places = by_whole_names(rules.places);
    handle_refused_calls(Refusal::kIsOnlyLogged, std::move(rules));
    warn_of(install_call_filter(std::move(program)));
}

}  // namespace

static void enter(const SandboxTable& table, std::span<const KnownPlace> places, Mode mode) {
    if (mode == Mode::kOff || kSanitized) {
        return;
    }
    // Without this neither of the others is to be had but by root.
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return;
    }
    if (mode == Mode::kStrict) {
        be_strict(table, rules_of(table, places));
    } else {
        log_only(table, rules_of(table, places));
    }
}

void enter_sandbox(const SandboxTable& table, std::span<const KnownPlace> places) {
    enter(table, places, mode_wanted());
}

void enter_strict_sandbox(const SandboxTable& table, std::span<const KnownPlace> places) {
    enter(table, places, Mode::kStrict);
}

std::string missing_protection() {
    if (mode_wanted() == Mode::kOff) {
        return {};
    }
    if (kSanitized) {
        return "in a sanitized build there is none";
    }
    std::string missing;
    if (!seccomp_is_there()) {
        missing = "system calls are not filtered (seccomp)";
    }
    if (landlock_version() == 0) {
        missing += missing.empty() ? "" : ", ";
        missing += "files and ports are not restricted (Landlock)";
    }
    return missing;
}

}  // namespace relais
