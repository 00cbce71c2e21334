#include "lib/base/effective_ids.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace relais {

bool set_effective_uid(uid_t uid) {
    constexpr auto kSame = static_cast<uid_t>(-1);
    return ::syscall(SYS_setresuid, kSame, uid, kSame) == 0;
}

bool set_effective_gid(gid_t gid) {
    constexpr auto kSame = static_cast<gid_t>(-1);
    return ::syscall(SYS_setresgid, kSame, gid, kSame) == 0;
}

}  // namespace relais
