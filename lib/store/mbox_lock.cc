#include "lib/store/mbox_lock.h"

#include <cerrno>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

#include "lib/config/config.h"
#include "lib/store/mbox_delivery.h"

namespace relais {

namespace {

constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::seconds kPatience{20};
constexpr int kReadAttempts = 100;
constexpr std::chrono::milliseconds kReadPause{10};

// Locks of the open file, not of the process: closing another descriptor does not let go of them,
// and they hold against everybody's fcntl() locks all the same.
bool set_lock(int fd, short type) {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

void unlock_mbox(int fd) {
    set_lock(fd, F_UNLCK);
    ::flock(fd, LOCK_UN);
}

bool is_busy(int reason) {
    return reason == EACCES || reason == EAGAIN || reason == EINTR;
}

bool lock_file(int fd, const MailboxLocks& locks, MboxLockKind kind) {
    const bool shared = kind == MboxLockKind::kShared;
    if (locks.fcntl && !set_lock(fd, shared ? F_RDLCK : F_WRLCK)) {
        return false;
    }
    if (locks.flock && ::flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
        int reason = errno;
        unlock_mbox(fd);
        errno = reason;
        return false;
    }
    return true;
}

MailboxLocks configured_locks() {
    auto locks = parse_mailbox_locks("mailbox_delivery_lock", conf().mailbox_delivery_lock());
    return locks && locks->any() ? *locks : MailboxLocks{true, true, false};
}

// Who finds it sees whether the process is still there.
DotLockRule dot_lock_rule() {
    return {LockContent::kOwner, 0644, std::chrono::seconds(conf().stale_lock_time())};
}

// Nothing where we can make no lock file: then we cannot change the mailbox either.
Result<std::optional<DotLock>> try_dot_lock(const std::string& path) {
    auto made = DotLock::attempt(path + ".lock", dot_lock_rule());
    if (made) {
        return std::optional<DotLock>(std::move(*made));
    }
    bool busy = made.error().sys_errno == EEXIST;
    return busy ? fail_with(made) : Result<std::optional<DotLock>>(std::nullopt);
}

}  // namespace

Task<Result<MboxLock>> MboxLock::acquire(std::string path, int fd, MboxLockKind kind) {
    MailboxLocks locks = configured_locks();
    const bool by_file = locks.fcntl || locks.flock;
    const bool exclusive = kind == MboxLockKind::kExclusive;
    Deadline deadline = Deadline::after(kPatience);
    std::optional<DotLock> dot_lock;
    for (;;) {
        bool waiting = false;
        if (locks.dotlock && !dot_lock && (exclusive || !by_file)) {
            auto made = DotLock::attempt(path + ".lock", dot_lock_rule());
            waiting = !made && made.error().sys_errno == EEXIST;
            if (made) {
                dot_lock.emplace(std::move(*made));
            } else if (!waiting && exclusive && !by_file) {
                co_return fail_with(made);
            }
        }
        if (!waiting && lock_file(fd, locks, kind)) {
            co_return MboxLock(std::move(dot_lock), fd);
        }
        if (!waiting && !is_busy(errno)) {
            co_return fail_errno("lock " + path);
        }
        if (deadline.passed()) {
            co_return fail(Errc::kTemporary, path + " is locked by another process");
        }
        co_await sleep_for(kPause);
    }
}

Result<MboxLock> MboxLock::for_reading(const std::string& path, int fd) {
    const MailboxLocks locks = configured_locks();
    const bool by_file = locks.fcntl || locks.flock;
    for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
        if (by_file && lock_file(fd, locks, MboxLockKind::kShared)) {
            return MboxLock(std::nullopt, fd);
        }
        if (by_file && !is_busy(errno)) {
            return fail_errno("lock " + path);
        }
        auto dot_lock = by_file ? fail(Errc::kTemporary, "") : try_dot_lock(path);
        if (dot_lock) {
            return MboxLock(std::move(*dot_lock), -1);
        }
        std::this_thread::sleep_for(kReadPause);
    }
    return fail(Errc::kTemporary, path + " is locked by another process");
}

MboxLock::MboxLock(MboxLock&& other) noexcept
    : dot_lock_(std::move(other.dot_lock_)), fd_(std::exchange(other.fd_, -1)) {
    other.dot_lock_.reset();
}

MboxLock::~MboxLock() {
    if (fd_ >= 0) {
        unlock_mbox(fd_);
    }
}

}  // namespace relais
