// The lock files beside Dovecot's files in a mailbox (dovecot-uidlist.lock and the like): waited
// for on the loop, removed when they are stale, held as short as possible.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/event/loop.h"
#include "lib/store/dot_lock.h"

namespace relais {

class MailboxLock {
  public:
    // PATH.lock.  kTemporary when somebody else holds it for more than ten seconds.  A lock whose
    // process is gone, and one older than two minutes, is a leftover.
    [[nodiscard]] static Task<Result<MailboxLock>> acquire(std::string path);

  private:
    explicit MailboxLock(DotLock lock) : lock_(std::move(lock)) {}

    DotLock lock_;
};

}  // namespace relais
