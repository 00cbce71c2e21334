// The locks of an mbox file while the mailbox server looks at it or changes it: those that local(8)
// takes (mailbox_delivery_lock), waited for on the loop.
#pragma once

#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/event/loop.h"
#include "lib/store/dot_lock.h"

namespace relais {

enum class MboxLockKind { kShared, kExclusive };

class MboxLock {
  public:
    // `fd` is the open file, for writing where the lock is exclusive; it is borrowed.  kTemporary:
    // somebody else has it for too long.  Where the directory is not ours to make a lock file in,
    // the lock on the file itself has to do (as it does for local(8), which takes both).
    [[nodiscard]] static Task<Result<MboxLock>> acquire(std::string path, int fd,
                                                        MboxLockKind kind);

    // For the moment in which a message is read; blocks for a second at the most.  The locks on the
    // file keep out whoever takes those of mailbox_delivery_lock; the lock file does it where these
    // are none but that.  Not for who has a lock on the same descriptor.  kTemporary as above.
    [[nodiscard]] static Result<MboxLock> for_reading(const std::string& path, int fd);

    MboxLock(MboxLock&& other) noexcept;
    MboxLock& operator=(MboxLock&&) = delete;
    MboxLock(const MboxLock&) = delete;
    MboxLock& operator=(const MboxLock&) = delete;
    ~MboxLock();

  private:
    MboxLock(std::optional<DotLock> dot_lock, int fd) : dot_lock_(std::move(dot_lock)), fd_(fd) {}

    std::optional<DotLock> dot_lock_;
    int fd_;
};

}  // namespace relais
