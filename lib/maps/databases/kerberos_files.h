// Where the Kerberos library keeps tickets, for tables that log in with them (bind = sasl).
#pragma once

#include <string>

#include <sys/types.h>

namespace relais {

// Empty: elsewhere.  Caches of another kind (KCM:, MEMORY:) are no files; those in the kernel's key
// rings are not to be had in a sandbox.
struct KerberosFiles {
    std::string cache;  // is renewed where there is a key; with a slash at its end a directory
    std::string keys;   // is read only
};

// For a process of `uid`, as the environment (KRB5CCNAME, KRB5_CLIENT_KTNAME) says, or by default.
[[nodiscard]] KerberosFiles kerberos_files(uid_t uid);

// Tells what tables need (table_needs.h) of the files of whoever will look up in them.
void note_kerberos_files();

}  // namespace relais
