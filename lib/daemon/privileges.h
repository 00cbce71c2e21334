// How a daemon gives up what it does not need.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/safe_open.h"

namespace relais {

struct UserIds {
    uid_t uid = 0;
    gid_t gid = 0;
};

// An account by name.
[[nodiscard]] Result<UserIds> user_ids(const std::string& name);

// A group by name; nothing where there is none, or where that can't be found out.
[[nodiscard]] std::optional<gid_t> group_id(const std::string& name);

// True when the process may change its identity.  An instance that an ordinary user runs for
// himself keeps his uid everywhere.
[[nodiscard]] bool can_change_identity();

// mail_owner's ids, for FileIdentity; zero where the process keeps its own.  Ends the process where
// there is no such account.
[[nodiscard]] FileOwner mail_owner_ids(const std::string& mail_owner);

// mail_owner's identity for one block before the jail, where files are made that later processes
// open without privileges.  Ends the process when that fails.
class ActingAsMailOwner {
  public:
    explicit ActingAsMailOwner(const std::string& mail_owner);
    ~ActingAsMailOwner();
    ActingAsMailOwner(const ActingAsMailOwner&) = delete;
    ActingAsMailOwner& operator=(const ActingAsMailOwner&) = delete;

  private:
    bool active_;
    UserIds before_;
};

// chroot to `directory` where it is not empty, then become `user` for good where it is not empty.
// Ends the process when that fails; does nothing without privileges.
void enter_jail(const std::string& directory, const std::string& user);

}  // namespace relais
