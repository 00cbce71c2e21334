#include "lib/config/accounts.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "lib/base/format.h"

namespace relais {

namespace {

struct Account {
    std::string_view parameter;
    const std::string& name;
    uid_t uid = 0;
    gid_t gid = 0;
};

using Problem = std::optional<std::string>;

Problem wrong(const Account& account, std::string_view what) {
    return format("parameter {}: {}", account.parameter, what);
}

Problem look_up_user(Account& user) {
    const passwd* entry = ::getpwnam(user.name.c_str());
    if (entry == nullptr) {
        return wrong(user, "unknown user name value: " + user.name);
    }
    user.uid = entry->pw_uid;
    user.gid = entry->pw_gid;
    if (user.uid == 0) {
        return wrong(user, format("user {} has privileged user ID", user.name));
    }
    if (user.gid == 0) {
        return wrong(user, format("user {} has privileged group ID", user.name));
    }
    return {};
}

Problem shared_user(const Account& user) {
    const passwd* entry = ::getpwuid(user.uid);
    if (entry == nullptr || user.name == entry->pw_name) {
        return {};
    }
    return wrong(user, format("user {} has same user ID as {}", user.name, entry->pw_name));
}

Problem look_up_group(Account& group) {
    const ::group* entry = ::getgrnam(group.name.c_str());
    if (entry == nullptr) {
        return wrong(group, "unknown group name: " + group.name);
    }
    group.gid = entry->gr_gid;
    if (group.gid == 0) {
        return wrong(group, format("group {} has privileged group ID", group.name));
    }
    entry = ::getgrgid(group.gid);
    if (entry != nullptr && group.name != entry->gr_name) {
        return wrong(group, format("group {} has same group ID as {}", group.name, entry->gr_name));
    }
    return {};
}

Problem users_overlap(const Account& one, const Account& other) {
    std::string both = format("parameters {} and {}", one.parameter, other.parameter);
    if (one.name == other.name) {
        return format("{} specify the same user {}", both, one.name);
    }
    if (one.uid == other.uid) {
        return format("{}: users {} and {} have the same user ID: {}", both, one.name, other.name,
                      one.uid);
    }
    if (one.gid == other.gid) {
        return format("{}: users {} and {} have the same group ID: {}", both, one.name, other.name,
                      one.gid);
    }
    return {};
}

Problem group_overlaps(const Account& user, const Account& group) {
    if (user.gid != group.gid) {
        return {};
    }
    return format("parameters {} and {}: user {} and group {} have the same group ID: {}",
                  user.parameter, group.parameter, user.name, group.name, user.gid);
}

Problem find_problem(const Config& config) {
    Account anybody{.parameter = "default_privs", .name = config.default_privs()};
    Account owner{.parameter = "mail_owner", .name = config.mail_owner()};
    Account group{.parameter = "setgid_group", .name = config.setgid_group()};
    if (auto problem = look_up_user(anybody)) {
        return problem;
    }
    if (auto problem = look_up_user(owner)) {
        return problem;
    }
    if (auto problem = shared_user(owner)) {
        return problem;
    }
    if (auto problem = look_up_group(group)) {
        return problem;
    }
    if (auto problem = users_overlap(anybody, owner)) {
        return problem;
    }
    if (auto problem = group_overlaps(anybody, group)) {
        return problem;
    }
    return group_overlaps(owner, group);
}

}  // namespace

std::optional<std::string> account_problem(const Config& config) {
    if (::geteuid() != 0) {
        return {};
    }
    auto problem = find_problem(config);
    if (problem) {
        problem = format("file {}/main.cf: {}", config.config_directory(), *problem);
    }
    return problem;
}

}  // namespace relais
