// The lock files beside Dovecot's files in a mailbox (dovecot-uidlist.lock and the like): waited
// for on the loop, removed when they are stale, held as short as possible.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/event/loop.h"

namespace relais {

class MailboxLock {
  public:
    // PATH.lock.  kTemporary when somebody else holds it for more than ten seconds; a lock file
    // older than two minutes is a leftover.
    [[nodiscard]] static Task<Result<MailboxLock>> acquire(std::string path);

    MailboxLock(MailboxLock&& other) noexcept;
    MailboxLock& operator=(MailboxLock&& other) noexcept;
    MailboxLock(const MailboxLock&) = delete;
    MailboxLock& operator=(const MailboxLock&) = delete;
    ~MailboxLock();

  private:
    explicit MailboxLock(std::string lock_path) : lock_path_(std::move(lock_path)) {}

    std::string lock_path_;
};

}  // namespace relais
