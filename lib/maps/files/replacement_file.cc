#include "lib/maps/files/replacement_file.h"

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <memory>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"

namespace relais {

namespace {

constexpr int kTries = 100;  // each time, another build ended between two steps

bool is_at(const std::string& path, int fd) {
    struct stat there = {};
    struct stat here = {};
    return ::lstat(path.c_str(), &there) == 0 && ::fstat(fd, &here) == 0 &&
           there.st_ino == here.st_ino && there.st_dev == here.st_dev;
}

}  // namespace

int lock_whole_file(int fd, int operation) {
    while (::flock(fd, operation) != 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

void warn_if_outdated(const std::string& path, const std::string& source,
                      const struct stat& table) {
    constexpr std::time_t kWhile = 100;  // an admin who is at work has not forgotten postmap
    struct stat text = {};
    if (::stat(source.c_str(), &text) == 0 && text.st_mtime > table.st_mtime &&
        text.st_mtime < std::time(nullptr) - kWhile) {
        log_warning("database {} is older than source file {}", path, source);
    }
}

ReplacementFile::~ReplacementFile() {
    if (file_ && writes_ != target_) {
        ::unlink(writes_.c_str());
    }
}

Result<ReplacementFile> ReplacementFile::open(const std::string& path, InPlace in_place) {
    ReplacementFile out;
    out.name_ = path;
    out.target_ = real_path(path).value_or(path);
    auto old = open_file(path, O_RDWR);
    if (!old && old.error().sys_errno != ENOENT) {
        return fail_errno("open " + path, old.error().sys_errno);
    }
    out.writes_ = out.target_ + ".tmp";
    auto opened = out.open_beside();
    if (opened) {
        opened = old ? out.copy_ownership(*old) : out.set_default_mode();
    }
    if (!opened && opened.error().sys_errno == EACCES && old && in_place == InPlace::kIfItMust) {
        out.writes_ = out.target_;
        out.file_ = std::move(*old);
        opened = out.claim(out.file_.get());
    }
    if (!opened) {
        return fail_errno("open database " + path, opened.error().sys_errno);
    }
    return out;
}

// A file that a killed build left is used again; a link or a file of somebody else's is not.
Result<void> ReplacementFile::open_beside() {
    for (int i = 0; i < kTries; ++i) {
        auto file = open_file(writes_, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
        if (!file && file.error().sys_errno != ELOOP) {
            return fail_with(file);
        }
        struct stat it = {};
        if (!file || ::fstat(file->get(), &it) != 0 || it.st_uid != ::geteuid() ||
            it.st_nlink > 1 || !S_ISREG(it.st_mode)) {
            if (::unlink(writes_.c_str()) != 0 && errno != ENOENT) {
                return fail_errno("remove " + writes_);
            }
            continue;
        }
        if (auto claimed = claim(file->get()); !claimed) {
            return claimed;
        }
        if (is_at(writes_, file->get())) {
            file_ = std::move(*file);
            return {};
        }
    }
    return fail_errno("open " + writes_, EBUSY);
}

Result<void> ReplacementFile::claim(int fd) {
    if (int error = lock_whole_file(fd, LOCK_EX); error != 0) {
        return fail_errno("lock " + writes_, error);
    }
    if (is_at(writes_, fd) && ::ftruncate(fd, 0) != 0) {
        return fail_errno("truncate " + writes_);
    }
    return {};
}

// The new file is the old one to everybody: owner, group and permissions.
Result<void> ReplacementFile::copy_ownership(const UniqueFd& old) {
    struct stat was = {};
    if (::fstat(old.get(), &was) != 0) {
        return fail_errno("fstat " + name_);
    }
    if (::fchown(fd(), was.st_uid, was.st_gid) != 0 && errno != EPERM) {
        return fail_errno("change the owner of " + writes_);
    }
    if (::fchmod(fd(), was.st_mode & 07777) != 0) {
        return fail_errno("change the mode of " + writes_);
    }
    return {};
}

// What a killed build left may have had another mode.
Result<void> ReplacementFile::set_default_mode() {
    mode_t mask = ::umask(022);
    ::umask(mask);
    if (::fchmod(fd(), 0644 & ~mask) != 0) {
        return fail_errno("change the mode of " + writes_);
    }
    return {};
}

Result<void> ReplacementFile::commit() {
    if (::fsync(fd()) != 0) {
        return fail_errno("sync " + name_);
    }
    if (writes_ != target_ && ::rename(writes_.c_str(), target_.c_str()) != 0) {
        return fail_errno("rename " + writes_ + " to " + name_);
    }
    file_.reset();
    return {};
}

}  // namespace relais
