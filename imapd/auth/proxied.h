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

// Where to: what anybody may know who asks.
[[nodiscard]] AuthParameters proxy_place(const AuthParameters& fields);

// The same for whoever has proven who he is, with the password for that machine: the one that he
// has given, unless the field `pass` is another one.
[[nodiscard]] AuthParameters proxy_login(const AuthQuery& query, const AuthParameters& fields);

}  // namespace relais
