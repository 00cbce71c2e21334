// user=name[:group] of master.cf: whose rights a command of pipe(8) or spawn(8) has.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/safe_open.h"

namespace relais {

// The rights of root and of the mail system are not given away.
enum class UserObjection {
    kNone,
    kUnknownUser,
    kUnknownGroup,
    kRoot,
    kMailOwner,
    kRootGroup,
    kMailOwnerGroup,
    kSetgidGroup,  // spawn(8) does not mind, as with Postfix
};

struct CommandUser {
    std::string user, group;  // as written; an empty group is the account's own
    FileOwner ids;
    UserObjection objection = UserObjection::kNone;
};

// Whether a command may have these rights.
[[nodiscard]] UserObjection objection_to(const FileOwner& ids);

// Where the process cannot change its identity (an ordinary user's instance) the accounts need only
// exist.
[[nodiscard]] CommandUser find_command_user(std::string_view text);

}  // namespace relais
