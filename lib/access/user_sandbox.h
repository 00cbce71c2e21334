// What a process may still do that has taken on a user's ids for good: a session of his, or
// deliveries to him.
#pragma once

#include "lib/daemon/sandbox.h"

namespace relais {

// Before the first byte of a client or a message; `reach`: which other machines it asks.  Not where
// quota_warnings has commands: they run as children of this process, and may be set-gid, as
// sendmail's postdrop is.
void enter_user_sandbox(Reach reach = Reach::kNone);

}  // namespace relais
