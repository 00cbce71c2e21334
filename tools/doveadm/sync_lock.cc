#include "tools/doveadm/sync_lock.h"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"

namespace relais::doveadm {

namespace {

constexpr std::chrono::milliseconds kPause{50};

struct flock whole_file() {
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

// The process that holds it; 0: nobody known.
pid_t holder(int fd) {
    struct flock lock = whole_file();
    return ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

}  // namespace

Result<SyncLock> SyncLock::take(const std::string& home, std::chrono::seconds wait) {
    std::string path = home + "/.dovecot-sync.lock";
    auto end = std::chrono::steady_clock::now() + wait;
    for (;;) {
        auto fd = open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
        if (!fd) {
            return fail(Errc::kTemporary, format("Couldn't lock {}: {}", path, fd.error().message));
        }
        struct flock lock = whole_file();
        bool locked = ::fcntl(fd->get(), F_SETLK, &lock) == 0;
        // Whoever had it may have removed the file while we waited.
        if (locked && is_file_at(fd->get(), path)) {
            return SyncLock(path, std::move(*fd));
        }
        if (std::chrono::steady_clock::now() >= end) {
            return fail(Errc::kTemporary,
                        format("Couldn't lock {0}: fcntl({0}, write-lock, F_SETLKW) locking "
                               "failed: Timed out after {1} seconds (WRITE lock held by pid {2})",
                               path, wait.count(), holder(fd->get())));
        }
        std::this_thread::sleep_for(kPause);
    }
}

SyncLock::~SyncLock() {
    if (fd_) {
        ::unlink(path_.c_str());
    }
}

}  // namespace relais::doveadm
