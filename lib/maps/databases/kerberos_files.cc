#include "lib/maps/databases/kerberos_files.h"

#include <cstdlib>
#include <string_view>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

// "FILE:/path", "DIR:/path" or a path alone; empty: elsewhere.
std::string path_in(std::string_view name) {
    for (const std::string_view kind : {"FILE:", "WRFILE:", "DIR:"}) {
        if (name.starts_with(kind)) {
            name.remove_prefix(kind.size());
            break;
        }
    }
    return std::string(name.starts_with('/') ? name : "");
}

}  // namespace

std::vector<std::string> kerberos_files(uid_t uid) {
    const char* cache = ::secure_getenv("KRB5CCNAME");
    const char* keys = ::secure_getenv("KRB5_CLIENT_KTNAME");
    std::vector<std::string> files = {
        path_in(cache != nullptr ? std::string(cache) : format("/tmp/krb5cc_{}", uid)),
        path_in(keys != nullptr ? keys : ""),
    };
    std::erase(files, "");
    return files;
}

}  // namespace relais
