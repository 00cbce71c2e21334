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

// A shared lock on the file for the moment in which a message is read; false when it cannot be had
// soon.  Not for who has an MboxLock on the same descriptor.
[[nodiscard]] bool lock_mbox_for_reading(int fd);
void unlock_mbox(int fd);

}  // namespace relais
