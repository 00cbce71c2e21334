#include "tools/doveadm/processes.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <set>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"

namespace relais::doveadm {

namespace {

constexpr std::size_t kLongestName = 15;
// Of the fields behind the name in proc(5)'s stat, counted from the state.
constexpr std::size_t kParent = 1;
constexpr std::size_t kStartTime = 19;

struct Stat {
    MailProcess process;
    pid_t parent = 0;
};

// "12 (imap-login) S 1 ..."; the name may have anything in it.
std::optional<Stat> parse_stat(std::string_view text) {
    auto open = text.find('(');
    auto close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
        return std::nullopt;
    }
    auto fields = split_words(text.substr(close + 1));
    auto pid = parse_int(trim(text.substr(0, open)));
    auto parent = fields.size() > kStartTime ? parse_int(fields[kParent]) : std::nullopt;
    auto ticks = fields.size() > kStartTime ? parse_int(fields[kStartTime]) : std::nullopt;
    if (!pid || !parent || !ticks) {
        return std::nullopt;
    }
    return Stat{{static_cast<pid_t>(*pid), std::string(text.substr(open + 1, close - open - 1)),
                 *ticks / ::sysconf(_SC_CLK_TCK)},
                static_cast<pid_t>(*parent)};
}

std::int64_t boot_time() {
    timespec up{};
    ::clock_gettime(CLOCK_BOOTTIME, &up);
    return std::time(nullptr) - up.tv_sec;
}

}  // namespace

Result<std::vector<MailProcess>> descendants_of(pid_t master) {
    auto names = list_directory("/proc");
    if (!names) {
        return fail_with(names);
    }
    std::vector<Stat> all;
    for (const std::string& name : *names) {
        auto text = parse_uint(name) ? read_file("/proc/" + name + "/stat") : Result<std::string>();
        if (auto stat = text ? parse_stat(*text) : std::nullopt) {  // else it has ended
            all.push_back(std::move(*stat));
        }
    }
    std::set<pid_t> family = {master};
    std::vector<MailProcess> found;
    for (bool more = true; more;) {
        more = false;
        for (const Stat& each : all) {
            if (family.contains(each.parent) && family.insert(each.process.pid).second) {
                found.push_back(each.process);
                found.back().since += boot_time();
                more = true;
            }
        }
    }
    std::ranges::sort(found, {}, &MailProcess::pid);
    return found;
}

bool runs(const MailProcess& process, std::string_view program) {
    return process.name == program.substr(0, kLongestName);
}

}  // namespace relais::doveadm
