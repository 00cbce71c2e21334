#include "lib/daemon/privileges.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/base/log.h"

namespace relais {

Result<UserIds> user_ids(const std::string& name) {
    std::array<char, 16384> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error != 0) {
        return fail_errno("look up user " + name, error);
    }
    if (found == nullptr) {
        return fail(Errc::kNotFound, "unknown user: " + name);
    }
    return UserIds{found->pw_uid, found->pw_gid};
}

std::optional<gid_t> group_id(const std::string& name) {
    std::array<char, 16384> buffer{};
    group entry{};
    group* found = nullptr;
    const bool known =
        ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
        found != nullptr;
    return known ? std::optional(found->gr_gid) : std::nullopt;
}

bool can_change_identity() {
    return ::getuid() == 0;
}

FileOwner mail_owner_ids(const std::string& mail_owner) {
    if (!can_change_identity()) {
        return {};
    }
    auto owner = user_ids(mail_owner);
    if (!owner) {
        log_fatal("{}", owner.error().message);
    }
    return {owner->uid, owner->gid};
}

ActingAsMailOwner::ActingAsMailOwner(const std::string& mail_owner)
    : active_(can_change_identity()), before_{::geteuid(), ::getegid()} {
    if (!active_) {
        return;
    }
    auto owner = user_ids(mail_owner);
    if (!owner) {
        log_fatal("{}", owner.error().message);
    }
    if (::setegid(owner->gid) != 0 || ::seteuid(owner->uid) != 0) {
        log_fatal("become {}: {}", mail_owner, std::strerror(errno));
    }
}

ActingAsMailOwner::~ActingAsMailOwner() {
    if (active_ && (::seteuid(before_.uid) != 0 || ::setegid(before_.gid) != 0)) {
        log_fatal("become root again: {}", std::strerror(errno));
    }
}

void enter_jail(const std::string& directory, const std::string& user) {
    if (!can_change_identity()) {
        return;
    }
    UserIds ids{};
    if (!user.empty()) {
        auto found = user_ids(user);
        if (!found) {
            log_fatal("{}", found.error().message);
        }
        ids = *found;
        if (::setgid(ids.gid) != 0 || ::initgroups(user.c_str(), ids.gid) != 0) {
            log_fatal("become {}: {}", user, std::strerror(errno));
        }
    }
    if (!directory.empty()) {
        // The jail has no zone files of its own to read later.
        ::tzset();
        if (::chroot(directory.c_str()) != 0 || ::chdir("/") != 0) {
            log_fatal("chroot({}): {}", directory, std::strerror(errno));
        }
    }
    if (!user.empty() && ::setuid(ids.uid) != 0) {
        log_fatal("become {}: {}", user, std::strerror(errno));
    }
    if (!user.empty()) {
        // Other processes of the same account must not trace this one or take its descriptors, even
        // where fs.suid_dumpable lets programs that have changed their ids be dumped.
        ::prctl(PR_SET_DUMPABLE, 0);
    }
}

}  // namespace relais
