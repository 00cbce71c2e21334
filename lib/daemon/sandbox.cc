#include "lib/daemon/sandbox.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
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
#include "lib/daemon/sandbox/landlock.h"
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

// What the C library and others' libraries read whenever they like; it is nobody's secret.
constexpr FileRule kForEverybody[] = {
    {Access::kRead, "/usr"},
    {Access::kRead, "/lib"},
    {Access::kRead, "/lib64"},
    {Access::kRead, "/nix/store"},
    {Access::kRead, "/gnu/store"},
    {Access::kRead, "/etc/ld.so.cache"},
    {Access::kRead, "/etc/localtime"},
    {Access::kRead, "/etc/ssl/openssl.cnf"},
    {Access::kRead, "/sys/devices/system/cpu"},
    {Access::kWrite, "/dev/null"},
    {Access::kRead, "/dev/urandom"},
};

// Files there are replaced, not written: so it is the directories.
constexpr FileRule kNames[] = {
    {Access::kRead, "/etc"},
    {Access::kRead, "/run/systemd/resolve"},
    {Access::kRead, "/run/resolvconf"},
    {Access::kRead, "/run/NetworkManager"},
    {Access::kRead, "/run/systemd/userdb"},
    {Access::kRead, "/var/lib/sss"},
    {Access::kRead, "/var/lib/extrausers"},
    {Access::kRead, "/var/db"},
    {Access::kRead, "/var/yp"},
};
// What they may be links to, wherever a distribution keeps it.
constexpr std::string_view kNameFiles[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"};

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

// One rule in the words of a table as paths.
class Places {
  public:
    void add(const FileRule& rule) {
        if (rule.where == "@names") {
            for (const FileRule& each : kNames) {
                add(each);
            }
            for (const std::string_view file : kNameFiles) {
                auto real = real_path(std::string(file));
                add(rule.access, real ? parent_directory(*real) : "");
            }
        } else if (rule.where.starts_with('$')) {
            add_parameter(rule.access, conf().text_value(rule.where.substr(1)));
        } else {
            add(rule.access, std::string(rule.where));
        }
    }

    void add(Access access, std::string path) {
        if (!path.empty()) {
            places_.push_back({access, std::move(path)});
        }
    }

    void add(KnownPlace place) { places_.push_back(std::move(place)); }

    std::vector<KnownPlace> take() { return std::move(places_); }

  private:
    void add_parameter(Access access, std::string_view value) {
        for (std::string_view word : split_words(value, ", \t\r\n")) {
            const auto colon = word.rfind(":/");
            const bool table = colon != std::string_view::npos;
            std::string path(table ? word.substr(colon + 1) : word);
            add(access, table ? parent_directory(path) : path);
        }
    }

    std::vector<KnownPlace> places_;
};

std::vector<KnownPlace> places_of(const SandboxTable& table,
                                  std::span<const KnownPlace> known_now) {
    Places places;
    for (const FileRule& rule : kForEverybody) {
        places.add(rule);
    }
    for (const FileRule& rule : table.files) {
        places.add(rule);
    }
    for (const KnownPlace& place : known_now) {
        places.add(place);
    }
    for (const std::string& directory : table_needs().read) {
        places.add(Access::kRead, directory);
    }
    for (const std::string& directory : table_needs().changed) {
        places.add(Access::kChange, directory);
    }
    if (table_needs().servers) {
        // Client libraries have their settings there, and plug-ins of their own.
        places.add(FileRule{Access::kRead, "@names"});
        places.add(FileRule{Access::kRead, "/etc/ssl/certs"});
        places.add(FileRule{Access::kRead, "$shlib_directory"});
    }
    return places.take();
}

Reach reach_of(const SandboxTable& table) {
    bool servers = table_needs().servers;
    for (const std::string_view parameter : table.servers_if) {
        servers = servers || !conf().text_value(parameter).empty();
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
    append(allowed, checked_calls());
    if (changes_files(rules)) {
        append(allowed, CallGroup::kChangeFiles);
    }
    if (reach_of(table) != Reach::kNone) {
        append(allowed, CallGroup::kBind);
        append(allowed, internet_calls());
    }
    for (const ExtraCalls extra : table.calls) {
        append(allowed,
               extra == ExtraCalls::kIdentity ? CallGroup::kIdentity : CallGroup::kWatches);
    }
    return allowed;
}

// From the root on, without links: the handler of log mode compares texts.
void name_places_fully(std::vector<KnownPlace>& places) {
    for (KnownPlace& place : places) {
        place.path = real_path(place.path).value_or(place.path);
    }
}

bool seccomp_is_there() {
    const std::uint32_t action = SECCOMP_RET_TRAP;
    return call_filter_known() && ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

void warn_of(const Result<void>& done) {
    if (!done) {
        log_warning("sandbox: {}", done.error().message);
    }
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
    auto links = rules.places;
    name_places_fully(links);
    rules.places.insert(rules.places.end(), links.begin(), links.end());
    handle_refused_calls(Refusal::kIsOnlyLogged, std::move(rules));
    warn_of(install_call_filter(std::move(program)));
}

}  // namespace

void enter_sandbox(const SandboxTable& table, std::span<const KnownPlace> places) {
    const Mode mode = mode_wanted();
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
