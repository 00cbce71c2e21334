#include "lib/store/dot_lock.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

using Identity = std::pair<dev_t, ino_t>;

Identity identity_of(const struct stat& status) {
    return {status.st_dev, status.st_ino};
}

Identity identity_of(int fd) {
    struct stat status = {};
    ::fstat(fd, &status);
    return identity_of(status);
}

// The locks that this process holds, in whichever of its threads.
class HeldLocks {
  public:
    static HeldLocks& instance() {
        static HeldLocks locks;
        return locks;
    }

    void insert(const Identity& lock) {
        std::lock_guard guard(mutex_);
        locks_.insert(lock);
    }

    void erase(const Identity& lock) {
        std::lock_guard guard(mutex_);
        locks_.erase(lock);
    }

    bool contains(const Identity& lock) {
        std::lock_guard guard(mutex_);
        return locks_.contains(lock);
    }

  private:
    std::mutex mutex_;
    std::set<Identity> locks_;
};

std::string directory_of(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// Those who remove a leftover do it one after another: nobody can look at the leftover, lose the
// processor, and then remove the lock that has come into its place.  The kernel's lock on the
// directory serves, since a lock file itself may be unreadable (mode 0).  Somebody may hold it
// forever, so nobody waits for it.
std::optional<UniqueFd> lock_removals(const std::string& lock_path) {
    auto fd = open_file(directory_of(lock_path), O_RDONLY | O_DIRECTORY);
    if (!fd || ::flock(fd->get(), LOCK_EX | LOCK_NB) < 0) {
        return std::nullopt;
    }
    return std::move(*fd);
}

// "PID:HOST" of this host, whose process is gone.  A lock under our own number that is none of
// ours was left by a process that had the number before.
bool owner_is_gone(const std::string& lock_path, const Identity& lock) {
    auto fd = open_file(lock_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    auto text = fd ? read_all(fd->get(), 1024) : fail_with(fd);
    auto parts = text ? split_first(*text, ':') : std::nullopt;
    auto pid = parts ? parse_uint(parts->first) : std::nullopt;
    if (!pid || *pid == 0 || *pid > 0x7fffffff || trim(parts->second) != host_name()) {
        return false;
    }
    auto number = static_cast<pid_t>(*pid);
    return number == ::getpid() ? !HeldLocks::instance().contains(lock)
                                : ::kill(number, 0) < 0 && errno == ESRCH;
}

bool is_leftover(const std::string& lock_path, const DotLockRule& rule) {
    struct stat status;
    if (::lstat(lock_path.c_str(), &status) < 0) {
        return false;
    }
    // Dovecot touches a lock that it holds for long; Postfix looks at the other time.
    bool owned = rule.content == LockContent::kOwner;
    std::time_t age = ::time(nullptr) - (owned ? status.st_mtime : status.st_ctime);
    return age > rule.stale.count() ||
           (S_ISREG(status.st_mode) && owner_is_gone(lock_path, identity_of(status)));
}

void remove_leftover(const std::string& lock_path, const DotLockRule& rule) {
    if (!is_leftover(lock_path, rule)) {
        return;
    }
    if (auto alone = lock_removals(lock_path); alone && is_leftover(lock_path, rule)) {
        ::unlink(lock_path.c_str());
    }
}

// A file without a name that gets it when it is complete: a lock that does not tell its owner
// (left by a process that was killed before it could write) would stand until it is old.
Result<UniqueFd> make_complete(const std::string& lock_path, unsigned mode,
                               const std::string& text) {
    auto fd = open_file(directory_of(lock_path), O_WRONLY | O_TMPFILE, mode);
    if (!fd) {
        return fd;
    }
    auto written = write_all(fd->get(), text);
    if (!written) {
        return fail_with(written);
    }
    std::string path = format("/proc/self/fd/{}", fd->get());
    if (::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, lock_path.c_str(), AT_SYMLINK_FOLLOW) < 0) {
        return fail_errno("link " + lock_path);
    }
    return fd;
}

Result<UniqueFd> make_file(const std::string& lock_path, const DotLockRule& rule) {
    std::string text;
    if (rule.content == LockContent::kOwner) {
        struct stat status;
        if (::lstat(lock_path.c_str(), &status) == 0) {
            return fail_errno("create " + lock_path, EEXIST);  // cheaper than making a file first
        }
        text = format("{}:{}", ::getpid(), host_name());
        auto made = make_complete(lock_path, rule.mode, text);
        if (made || made.error().sys_errno == EEXIST) {
            return made;
        }
    }
    // Not every file system can do that, nor every jail.
    auto fd = open_file(lock_path, O_WRONLY | O_CREAT | O_EXCL, rule.mode);
    if (fd && !text.empty()) {
        auto written = write_all(fd->get(), text);
        if (!written) {
            ::unlink(lock_path.c_str());
            return fail_with(written);
        }
    }
    return fd;
}

}  // namespace

Result<DotLock> DotLock::attempt(std::string lock_path, const DotLockRule& rule) {
    auto fd = make_file(lock_path, rule);
    if (!fd) {
        if (fd.error().sys_errno == EEXIST) {
            remove_leftover(lock_path, rule);
        }
        return fail_with(fd);
    }
    return DotLock(std::move(lock_path), std::move(*fd), rule);
}

DotLock::DotLock(std::string lock_path, UniqueFd file, const DotLockRule& rule)
    : lock_path_(std::move(lock_path)),
      file_(std::move(file)),
      doubtful_at_(Clock::now() + rule.stale / 2) {
    HeldLocks::instance().insert(identity_of(file_.get()));
}

DotLock& DotLock::operator=(DotLock&& other) noexcept {
    std::swap(lock_path_, other.lock_path_);
    std::swap(file_, other.file_);
    std::swap(doubtful_at_, other.doubtful_at_);
    return *this;
}

DotLock::~DotLock() {
    if (file_) {
        release();
    }
}

void DotLock::release() {
    const Identity identity = identity_of(file_.get());
    HeldLocks::instance().erase(identity);
    if (Clock::now() < doubtful_at_) {
        ::unlink(lock_path_.c_str());
        return;
    }
    // Held for so long, it may have been removed, and another be in its place.
    auto alone = lock_removals(lock_path_);
    struct stat status;
    if (alone && ::lstat(lock_path_.c_str(), &status) == 0 && identity_of(status) == identity) {
        ::unlink(lock_path_.c_str());
    }
}

}  // namespace relais
