// What the imap service is told of a user: numbers for names, and defaults for what no database
// says.
#pragma once

#include <optional>
#include <string>

#include "lib/sasl/auth_lines.h"

namespace relais {

// `fields` are a database's: uid and gid by name or number, home, mail, and others, which stay as
// they are.  Nothing where the account or group cannot be found.
[[nodiscard]] std::optional<AuthParameters> identity_fields(const std::string& user,
                                                            const AuthParameters& fields);

}  // namespace relais
