#include "lib/store/mailbox_lock.h"

#include <cerrno>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kPause{20};
constexpr std::time_t kStale = 120;

// Makes the lock file; the error is that of open().
Result<void> try_lock(const std::string& lock_path) {
    auto fd = open_file(lock_path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (!fd) {
        return fail_with(fd);
    }
    // Who it is, for people who find it; nobody depends on it.
    auto written = write_all(fd->get(), format("{}:relais", ::getpid()));
    if (!written) {
        ::unlink(lock_path.c_str());
    }
    return written;
}

void remove_stale(const std::string& lock_path) {
    struct stat status;
    if (::stat(lock_path.c_str(), &status) == 0 && ::time(nullptr) - status.st_mtime > kStale) {
        ::unlink(lock_path.c_str());
    }
}

}  // namespace

Task<Result<MailboxLock>> MailboxLock::acquire(std::string path) {
    std::string lock_path = path + ".lock";
    Deadline deadline = Deadline::after(kPatience);
    for (;;) {
        auto locked = try_lock(lock_path);
        if (locked) {
            co_return MailboxLock(std::move(lock_path));
        }
        if (locked.error().sys_errno != EEXIST) {
            co_return fail_with(locked);
        }
        remove_stale(lock_path);
        if (deadline.passed()) {
            co_return fail(Errc::kTemporary, lock_path + " is held by another process");
        }
        co_await sleep_for(kPause);
    }
}

MailboxLock::MailboxLock(MailboxLock&& other) noexcept
    : lock_path_(std::exchange(other.lock_path_, {})) {
}

MailboxLock& MailboxLock::operator=(MailboxLock&& other) noexcept {
    std::swap(lock_path_, other.lock_path_);
    return *this;
}

MailboxLock::~MailboxLock() {
    if (!lock_path_.empty()) {
        ::unlink(lock_path_.c_str());
    }
}

}  // namespace relais
