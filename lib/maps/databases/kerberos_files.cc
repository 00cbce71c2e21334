#include "lib/maps/databases/kerberos_files.h"

#include <array>
#include <cstdlib>
#include <string_view>

#include <pwd.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/maps/table_needs.h"

namespace relais {

namespace {

// "FILE:/path", "DIR:/directory", "DIR::/directory/file", or a path alone; empty: elsewhere.
std::string path_in(std::string_view name) {
    constexpr std::string_view kDirectory = "DIR:";
    bool is_directory = false;
    for (const std::string_view kind :
         std::to_array<std::string_view>({"FILE:", "WRFILE:", "DIR::", kDirectory})) {
        if (name.starts_with(kind)) {
            name.remove_prefix(kind.size());
            is_directory = kind == kDirectory;
            break;
        }
    }
    if (!name.starts_with('/')) {
        return {};
    }
    return std::string(name) + (is_directory && !name.ends_with('/') ? "/" : "");
}

// As whom this process, or a child of it, will log in.
uid_t later_uid() {
    const passwd* owner = ::geteuid() == 0 ? ::getpwnam(conf().mail_owner().c_str()) : nullptr;
    return owner != nullptr ? owner->pw_uid : ::geteuid();
}

}  // namespace

KerberosFiles kerberos_files(uid_t uid) {
    const char* cache = ::secure_getenv("KRB5CCNAME");
    const char* keys = ::secure_getenv("KRB5_CLIENT_KTNAME");
    return {
        path_in(cache != nullptr ? std::string(cache) : format("/tmp/krb5cc_{}", uid)),
        path_in(keys != nullptr ? keys : ""),
    };
}

void note_kerberos_files() {
    const KerberosFiles files = kerberos_files(later_uid());
    if (!files.cache.empty()) {
        note_table_file(files.cache);
    }
    note_table_read(files.keys);
}

}  // namespace relais
