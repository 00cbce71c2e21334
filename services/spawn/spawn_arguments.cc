#include "services/spawn/spawn_arguments.h"

#include "lib/daemon/command_user.h"
#include "lib/daemon/privileges.h"

namespace relais::spawn {
namespace {

Result<void> check(const CommandUser& found) {
    switch (found.objection) {
        case UserObjection::kUnknownUser:
            return fail(Errc::kNotFound, "unknown user name: " + found.user);
        case UserObjection::kUnknownGroup:
            return fail(Errc::kNotFound, "unknown group name: " + found.group);
        case UserObjection::kRoot:
            return fail(Errc::kDenied, "request to deliver as root");
        case UserObjection::kMailOwner:
            return fail(Errc::kDenied, "request to deliver as mail system owner");
        case UserObjection::kRootGroup:
            return fail(Errc::kDenied, "request to use privileged group id 0");
        case UserObjection::kMailOwnerGroup:
            return fail(Errc::kDenied, "request to use mail system owner group id " +
                                           std::to_string(found.ids.gid));
        case UserObjection::kSetgidGroup:
        case UserObjection::kNone:
            break;
    }
    return {};
}

Result<void> take_user(std::string_view text, SpawnArguments& out) {
    constexpr std::string_view kCaller = "*:";
    if (text.starts_with(kCaller)) {
        const std::string group(text.substr(kCaller.size()));
        const auto gid = group_id(group);
        if (!gid) {
            return fail(Errc::kNotFound, "unknown group name: " + group);
        }
        if (!can_change_identity()) {
            return fail(Errc::kDenied, "user=* takes a process that runs as root");
        }
        out.as_caller = true;
        out.user = FileOwner{0, *gid};
        return {};
    }
    const auto found = find_command_user(text);
    if (auto allowed = check(found); !allowed) {
        return allowed;
    }
    if (can_change_identity()) {
        out.user = found.ids;
    }
    return {};
}

}  // namespace

Result<SpawnArguments> parse_arguments(const std::vector<std::string>& words) {
    constexpr std::string_view kUser = "user=", kCommand = "argv=";
    SpawnArguments out;
    std::optional<std::string> user;
    for (auto word = words.begin(); word != words.end() && out.command.empty(); ++word) {
        if (word->starts_with(kUser)) {
            user = word->substr(kUser.size());
        } else if (word->starts_with(kCommand)) {
            out.command.assign(word, words.end());
            out.command.front().erase(0, kCommand.size());
        } else {
            return fail(Errc::kSyntax, "unknown attribute name: " + *word);
        }
    }
    if (!user) {
        return fail(Errc::kSyntax, "missing user= attribute");
    }
    if (auto taken = take_user(*user, out); !taken) {
        return fail_with(taken);
    }
    if (out.command.empty()) {
        return fail(Errc::kSyntax, "missing argv= attribute");
    }
    return out;
}

}  // namespace relais::spawn
