// Where the Kerberos library keeps tickets, for tables that log in with them (bind = sasl).
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace relais {

// The files of credentials that a process of `uid` reads, and renews where it has a key: as the
// environment (KRB5CCNAME, KRB5_CLIENT_KTNAME) says, or by default.  Caches elsewhere (KCM:,
// MEMORY:) are no files; those in the kernel's key rings are not to be had in a sandbox.
[[nodiscard]] std::vector<std::string> kerberos_files(uid_t uid);

}  // namespace relais
