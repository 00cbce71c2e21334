// A lock file PATH.lock (of a mailbox file, a uidlist, the subscriptions): made in one step,
// removed when it is a leftover, in a way that never takes somebody's fresh lock away.
//
// Who waits for one: mailbox_lock.h (on the loop), mbox_delivery.h (blocking).
#pragma once

#include <chrono>
#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace relais {

// What the file tells others: nothing, as Postfix makes it; or "PID:HOST", as Dovecot does.
enum class LockContent { kNothing, kOwner };

struct DotLockRule {
    LockContent content = LockContent::kOwner;
    unsigned mode = 0644;
    std::chrono::seconds stale{120};  // older ones are leftovers
};

class DotLock {
  public:
    // One try.  The error is that of open(); EEXIST while somebody has the lock.  A leftover is
    // removed (then the next try may succeed): one whose owner was a process of this host that is
    // gone, or one that is too old.
    [[nodiscard]] static Result<DotLock> attempt(std::string lock_path, const DotLockRule& rule);

    DotLock(DotLock&&) noexcept = default;
    DotLock& operator=(DotLock&& other) noexcept;
    DotLock(const DotLock&) = delete;
    DotLock& operator=(const DotLock&) = delete;
    ~DotLock();

  private:
    using Clock = std::chrono::steady_clock;

    DotLock(std::string lock_path, UniqueFd file, const DotLockRule& rule);

    void release();

    std::string lock_path_;
    UniqueFd file_;                  // open, so that its inode is not used again
    Clock::time_point doubtful_at_;  // from then on somebody may have taken it for a leftover
};

}  // namespace relais
