// System accounts, and whose rights a delivery has.
#pragma once

#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/base/safe_open.h"

namespace relais::local_agent {

struct User {
    std::string name;
    FileOwner ids;
    std::string home;
    std::string shell;
};

// Nothing where there is no such account; an error where the accounts cannot be read.
[[nodiscard]] Result<std::optional<User>> find_user(const std::string& name);
[[nodiscard]] Result<std::optional<User>> find_user(uid_t uid);

// The same by name, for one recipient: each step on his way asks for the same account, which is
// looked up once.
class Accounts {
  public:
    [[nodiscard]] Result<std::optional<User>> find(const std::string& name);

  private:
    std::string name_;
    std::optional<User> last_;
};

}  // namespace relais::local_agent
