// The lock that runs of doveadm sync for one user take (-l): fcntl(2)'s on ~/.dovecot-sync.lock, as
// Dovecot has it.  The file goes with the lock.
#pragma once

#include <chrono>
#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace relais::doveadm {

class SyncLock {
  public:
    // Waits so long for whoever has it.  kTemporary names the process.
    [[nodiscard]] static Result<SyncLock> take(const std::string& home, std::chrono::seconds wait);

    SyncLock(SyncLock&&) noexcept = default;
    SyncLock& operator=(SyncLock&&) = delete;
    SyncLock(const SyncLock&) = delete;
    SyncLock& operator=(const SyncLock&) = delete;
    ~SyncLock();

  private:
    SyncLock(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

    std::string path_;
    UniqueFd fd_;
};

}  // namespace relais::doveadm
