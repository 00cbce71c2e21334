// Users whose mail is on another machine: the fields `proxy` (always) and `proxy_maybe` (unless
// `host` is this machine) of a database of passwords.  The login service is told where to.
#pragma once

#include "lib/event/task.h"
#include "lib/sasl/auth_lines.h"

#include "imapd/auth/database.h"

namespace relais {

// Whether the fields send this login elsewhere.  Where they do, `hostip` is set to the address of
// `host`; a name that cannot be looked up leaves it empty.  Where they do not, the fields about it
// are gone.  `fields` must outlive the task.
[[nodiscard]] Task<bool> is_proxied(const AuthQuery* query, AuthParameters* fields);

// What the service that passes the connection on needs of them: where to, and the password for that
// machine, which is the one that the user has given unless the field `pass` is another one.
[[nodiscard]] AuthParameters proxy_fields(const AuthQuery& query, const AuthParameters& fields);

}  // namespace relais
