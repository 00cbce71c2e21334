#include "lib/store/mbox_delivery.h"

#include <cerrno>
#include <ctime>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/durability.h"
#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

std::unexpected<Error> locked_error(const std::string& what, int reason) {
    auto failed = fail_errno(what, reason);
    failed.error().code = Errc::kTemporary;
    return failed;
}

// Tries `attempt` until it returns true; false when the patience is at its end.
template <class Attempt>
bool try_patiently(const LockPatience& patience, Attempt attempt) {
    for (int tries = 0;; ++tries) {
        if (attempt()) {
            return true;
        }
        if (tries + 1 >= patience.attempts) {
            return false;
        }
        std::this_thread::sleep_for(patience.delay);
    }
}

bool is_busy(int reason) {
    return reason == EACCES || reason == EAGAIN || reason == EINTR;
}

// Of the open file, not of the process: threads of one deliver at the same time.
bool fcntl_lock(int fd) {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

Result<void> lock_file(int fd, const MboxTarget& target) {
    if (target.locks.flock) {
        bool got = try_patiently(target.patience, [fd] {
            return ::flock(fd, LOCK_EX | LOCK_NB) == 0 || !is_busy(errno);
        });
        if (!got) {
            return locked_error("unable to lock for exclusive access", EAGAIN);
        }
    }
    if (target.locks.fcntl) {
        bool got =
            try_patiently(target.patience, [fd] { return fcntl_lock(fd) || !is_busy(errno); });
        if (!got) {
            return locked_error("unable to lock for exclusive access", EAGAIN);
        }
    }
    return {};
}

// Refuses what the target does not allow.  True for a regular file.
Result<bool> check_file(int fd, const MboxTarget& target) {
    struct stat status;
    if (::fstat(fd, &status) < 0) {
        return fail_errno("fstat " + target.path);
    }
    bool regular = S_ISREG(status.st_mode);
    if (!regular && target.kind == MboxKind::kRegularFile) {
        return fail(Errc::kCorrupt, "destination " + target.path + " is not a regular file");
    }
    if (target.must_belong_to && status.st_uid != *target.must_belong_to) {
        return fail(Errc::kDenied, "destination " + target.path + " is not owned by recipient");
    }
    if ((status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0 && regular &&
        target.executables == ExecutableFiles::kRefused) {
        return fail(Errc::kCorrupt, "file is executable");
    }
    return regular;
}

Result<void> append_content(int fd, const ContentWriter& content) {
    FileSink sink(fd);
    auto produced = content(sink);
    if (!produced) {
        return produced;
    }
    return sink.finish();
}

// The dot-lock comes before the file is opened, and only beside what is (or will be) a mailbox
// file.
Result<std::optional<DotLock>> dot_lock(const MboxTarget& target) {
    struct stat status;
    bool wanted = target.locks.dotlock &&
                  (::stat(target.path.c_str(), &status) < 0 || S_ISREG(status.st_mode));
    if (!wanted) {
        return std::nullopt;
    }
    auto lock = acquire_dot_lock(target.path, target.patience);
    if (lock) {
        return std::optional<DotLock>(std::move(*lock));
    }
    if (lock.error().code == Errc::kTemporary || target.dotlock_failure == DotLockFailure::kFatal) {
        return fail_with(lock);
    }
    log_warning("{}", lock.error().message);
    return std::nullopt;
}

}  // namespace

Result<MailboxLocks> parse_mailbox_locks(std::string_view parameter, std::string_view text) {
    MailboxLocks locks;
    for (std::string_view word : split_words(text, ", \t\r\n")) {
        if (word == "dotlock") {
            locks.dotlock = true;
        } else if (word == "fcntl") {
            locks.fcntl = true;
        } else if (word == "flock") {
            locks.flock = true;
        } else {
            return fail(Errc::kSyntax,
                        format("unknown {} value \"{}\" in \"{}\"", parameter, word, text));
        }
    }
    return locks;
}

Result<DotLock> acquire_dot_lock(const std::string& path, const LockPatience& patience) {
    // As Postfix makes it: empty, and nobody's to read.
    const DotLockRule rule{LockContent::kNothing, 0, patience.stale};
    std::string lock_path = path + ".lock";
    std::optional<Result<DotLock>> last;
    bool done = try_patiently(patience, [&] {
        last = DotLock::attempt(lock_path, rule);
        return *last || last->error().sys_errno != EEXIST;
    });
    if (done && *last) {
        return std::move(*last);
    }
    std::string what = "unable to create lock file " + lock_path;
    return done ? fail_errno(what, last->error().sys_errno) : locked_error(what, EEXIST);
}

Result<OpenMbox> open_mbox(const MboxTarget& target) {
    auto dotlock = dot_lock(target);
    if (!dotlock) {
        return fail_with(dotlock);
    }
    auto fd = safe_open(target.path, O_WRONLY | O_APPEND | O_CREAT, target.mode, target.owner);
    if (!fd) {
        return fail_with(fd);
    }
    auto regular = check_file(fd->get(), target);
    if (!regular) {
        return fail_with(regular);
    }
    if (*regular) {
        auto locked = lock_file(fd->get(), target);
        if (!locked) {
            return fail_with(locked);
        }
    }
    return OpenMbox{std::move(*dotlock), std::move(*fd), *regular};
}

Result<void> deliver_mbox(const MboxTarget& target, const ContentWriter& content) {
    auto mbox = open_mbox(target);
    if (!mbox) {
        return fail_with(mbox);
    }
    int fd = mbox->file.get();
    if (!mbox->regular) {
        return append_content(fd, content);
    }
    off_t before = ::lseek(fd, 0, SEEK_END);
    auto written = append_content(fd, content);
    if (written && ::fsync(fd) < 0) {
        written = fail_errno(kWriteError);
    }
    if (written && before == 0) {
        written = sync_name_if_strict(target.path);
    }
    if (!written && before >= 0 && ::ftruncate(fd, before) < 0) {
        log_warning("truncate {} after a failed write: {}", target.path,
                    fail_errno("ftruncate").error().message);
    }
    return written;
}

}  // namespace relais
