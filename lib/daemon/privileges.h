// How a daemon gives up what it does not need.
#pragma once

#include <string>

#include <sys/types.h>

#include "lib/base/result.h"

namespace relais {

struct UserIds {
    uid_t uid = 0;
    gid_t gid = 0;
};

// An account by name.
[[nodiscard]] Result<UserIds> user_ids(const std::string& name);

// True when the process may change its identity.  An instance that an ordinary user runs for
// himself keeps his uid everywhere.
[[nodiscard]] bool can_change_identity();

// chroot to `directory` where it is not empty, then become `user` for good where it is not empty.
// Ends the process when that fails; does nothing without privileges.
void enter_jail(const std::string& directory, const std::string& user);

}  // namespace relais
