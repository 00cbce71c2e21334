#include "lib/daemon/command_user.h"

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/privileges.h"

namespace relais {

UserObjection objection_to(const FileOwner& ids) {
    const auto owner = user_ids(conf().mail_owner());
    if (ids.uid == 0) {
        return UserObjection::kRoot;
    }
    if (owner && owner->uid == ids.uid) {
        return UserObjection::kMailOwner;
    }
    if (ids.gid == 0) {
        return UserObjection::kRootGroup;
    }
    if (owner && owner->gid == ids.gid) {
        return UserObjection::kMailOwnerGroup;
    }
    return group_id(conf().setgid_group()) == ids.gid ? UserObjection::kSetgidGroup
                                                      : UserObjection::kNone;
}

CommandUser find_command_user(std::string_view text) {
    CommandUser out;
    const auto parts = split_first(text, ':');
    out.user = parts ? parts->first : text;
    out.group = parts ? parts->second : "";
    const auto ids = user_ids(out.user);
    if (!ids) {
        out.objection = UserObjection::kUnknownUser;
        return out;
    }
    out.ids = {ids->uid, ids->gid};
    if (!out.group.empty()) {
        const auto gid = group_id(out.group);
        if (!gid) {
            out.objection = UserObjection::kUnknownGroup;
            return out;
        }
        out.ids.gid = *gid;
    }
    if (can_change_identity()) {
        out.objection = objection_to(out.ids);
    }
    return out;
}

}  // namespace relais
