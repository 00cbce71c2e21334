// The accounts that the configuration names: each must exist, have no privileges, and be nobody
// else's, since the rights of one would be those of the other.
#pragma once

#include <optional>
#include <string>

#include "lib/config/config.h"

namespace relais {

// What is wrong with default_privs, mail_owner or setgid_group.  Looks only where the process can
// change its identity: an instance that an ordinary user runs keeps that user's everywhere.
[[nodiscard]] std::optional<std::string> account_problem(const Config& config);

}  // namespace relais
