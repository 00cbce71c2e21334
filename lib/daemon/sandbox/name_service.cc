#include "lib/daemon/sandbox/name_service.h"

#include <algorithm>
#include <array>
#include <span>

#include "lib/base/file.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

// Files there are replaced, not written: so it is the directories.
constexpr auto kDirectories = std::to_array<std::string_view>({
    "/etc",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/systemd/userdb",
    "/run/userdb",
    "/run/host/userdb",
    "/var/lib/sss",
    "/var/lib/extrausers",
    "/var/lib/misc",
    "/var/db",
    "/var/yp",
});
constexpr auto kFiles =
    std::to_array<std::string_view>({"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"});
constexpr auto kAccounts = std::to_array<std::string_view>(
    {"passwd", "group", "shadow", "initgroups", "passwd_compat", "group_compat"});
constexpr auto kNetwork = std::to_array<std::string_view>({"ldap", "nis", "nisplus", "hesiod"});

// nsswitch.conf(5): blanks, and "[NOTFOUND=return]".
constexpr std::string_view kBetweenServices = " \t\r[]";

bool is_one_of(std::string_view word, std::span<const std::string_view> known) {
    return std::ranges::find(known, word) != known.end();
}

}  // namespace

std::vector<std::string> name_service_directories() {
    std::vector<std::string> out(kDirectories.begin(), kDirectories.end());
    for (const std::string_view file : kFiles) {
        if (auto real = real_path(std::string(file))) {
            out.push_back(parent_directory(*real));
        }
    }
    return out;
}

bool asks_network_for_accounts(std::string_view nsswitch) {
    return std::ranges::any_of(split_fields(nsswitch, '\n'), [](std::string_view line) {
        const auto parts = split_first(line.substr(0, line.find('#')), ':');
        return parts && is_one_of(trim(parts->first), kAccounts) &&
               std::ranges::any_of(split_words(parts->second, kBetweenServices),
                                   [](std::string_view word) { return is_one_of(word, kNetwork); });
    });
}

}  // namespace relais
