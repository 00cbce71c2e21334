// The calling thread's effective ids, for code that acts as somebody else for a moment.
//
// libc's functions would interrupt every thread of the process to change it along; helper threads
// (lib/event/blocking.h) have no part in this and keep the ids that they began with.
#pragma once

#include <sys/types.h>

namespace relais {

// False with errno.  Real and saved ids stay.  Leaving uid 0 takes every effective capability
// along, coming back to it brings them back.
[[nodiscard]] bool set_effective_uid(uid_t uid);
[[nodiscard]] bool set_effective_gid(gid_t gid);

}  // namespace relais
