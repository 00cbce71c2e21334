// Lists of login names that may use a command: authorized_submit_users and its kin.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

namespace relais {

// Whether the user is in the list (names, tables, static:anyone, "!name").  root and mail_owner
// always are; a user without a name is looked up as "unknown".  A list that cannot be read ends
// the process.
[[nodiscard]] bool user_is_listed(std::string_view title, std::string_view list, uid_t uid);

}  // namespace relais
