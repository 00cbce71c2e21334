#include "lib/queue/queue_file.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/base/durability.h"
#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"

namespace relais {

namespace {

constexpr std::size_t kFlushSize = std::size_t{256} << 10;
constexpr std::size_t kUsualSize = std::size_t{8} << 10;  // most messages are no larger
constexpr int kCreateRetryLimit = 10;
constexpr long kZfsMagic = 0x2fc12fc1;

// The temporary name of a new file; taken names are tried again with a later time.
Result<UniqueFd> create_temporary(const QueueDirs& dirs, std::string_view queue, mode_t mode,
                                  std::string& path) {
    for (int attempt = 0;; ++attempt) {
        QueueTime now = queue_time_now();
        std::string name = format("{}.{}", now.microseconds, ::getpid());
        path = std::string(queue) + "/" + name;
        auto fd = open_file(path, O_RDWR | O_CREAT | O_EXCL, mode);
        if (fd || attempt >= kCreateRetryLimit) {
            return fd;
        }
        int error = fd.error().sys_errno;
        if (error == ENOENT) {
            if (auto made = dirs.make_directories(queue, name); !made) {
                return fail_with(made);
            }
        } else if (error != EEXIST) {
            return fd;
        }
    }
}

Result<void> write_at(int fd, std::int64_t offset, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return fail_errno("update queue file");
        }
        offset += put;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

}  // namespace

Result<NewQueueFile> NewQueueFile::create(const QueueDirs& dirs, std::string_view queue,
                                          mode_t mode) {
    NewQueueFile file;
    std::string temporary;
    auto fd = create_temporary(dirs, queue, mode, temporary);
    if (!fd) {
        return fail_with(fd);
    }
    file.fd_ = std::move(*fd);
    struct stat info{};
    if (::fstat(file.fd(), &info) != 0) {
        auto failed = fail_errno("fstat " + temporary);
        ::unlink(temporary.c_str());
        return failed;
    }
    file.pending_.reserve(kUsualSize);
    file.time_ = queue_time_now();
    file.id_ = make_queue_id(dirs.id_form(), file.time_, info.st_ino);
    file.path_ = dirs.path(queue, file.id_);
    int renamed = std::rename(temporary.c_str(), file.path_.c_str());
    if (renamed != 0 && errno == ENOENT && dirs.make_directories(queue, file.id_)) {
        renamed = std::rename(temporary.c_str(), file.path_.c_str());
    }
    if (renamed != 0) {
        auto failed = fail_errno("rename " + temporary + " to " + file.path_);
        ::unlink(temporary.c_str());
        return failed;
    }
    return file;
}

Result<void> NewQueueFile::flush_if_large() {
    return pending_.size() < kFlushSize ? Result<void>{} : flush();
}

Result<void> NewQueueFile::put(Rec type, std::string_view data) {
    append_record(pending_, type, data);
    return flush_if_large();
}

Result<void> NewQueueFile::put_attribute(std::string_view name, std::string_view value) {
    append_attribute(pending_, name, value);
    return flush_if_large();
}

Result<void> NewQueueFile::put_encoded(std::string_view records) {
    pending_ += records;
    return flush_if_large();
}

Result<void> NewQueueFile::overwrite(std::int64_t offset, std::string_view bytes) {
    if (offset < 0 || offset + static_cast<std::int64_t>(bytes.size()) > this->offset()) {
        log_panic("queue file {}: overwriting beyond its end", id_);
    }
    if (offset < written_) {
        auto in_file = static_cast<std::size_t>(written_ - offset);
        if (auto put = write_at(fd(), offset, bytes.substr(0, in_file)); !put) {
            return put;
        }
        bytes.remove_prefix(std::min(in_file, bytes.size()));
        offset = written_;
    }
    pending_.replace(static_cast<std::size_t>(offset - written_), bytes.size(), bytes);
    return {};
}

Result<void> NewQueueFile::flush() {
    if (auto put = write_at(fd(), written_, pending_); !put) {
        return put;
    }
    written_ += static_cast<std::int64_t>(pending_.size());
    pending_.clear();
    return {};
}

Result<void> NewQueueFile::commit(mode_t mode) {
    if (auto flushed = flush(); !flushed) {
        return flushed;
    }
    return sync_queue_file(detach(), path_, mode);
}

Result<void> NewQueueFile::remove() {
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
        return fail_errno("remove " + path_);
    }
    return {};
}

bool needs_directory_sync(const std::string& directory) {
    struct statfs info{};
    if (durability() == Durability::kStrict || ::statfs(directory.c_str(), &info) != 0) {
        return true;
    }
    switch (info.f_type) {
        case EXT4_SUPER_MAGIC:
        case XFS_SUPER_MAGIC:
        case BTRFS_SUPER_MAGIC:
        case F2FS_SUPER_MAGIC:
        case TMPFS_MAGIC:
        case kZfsMagic:
        // An upper layer needs extended attributes and d_type: in practice one of the above.
        case OVERLAYFS_SUPER_MAGIC:
            return false;
        default:
            return true;
    }
}

Result<void> sync_queue_file(UniqueFd fd, const std::string& path, mode_t mode) {
    if (::fchmod(fd.get(), mode) != 0) {
        return fail_errno("fchmod " + path);
    }
    if (::fsync(fd.get()) != 0) {
        return fail_errno("fsync " + path);
    }
    // Network file systems report late write errors here.
    if (::close(fd.release()) != 0) {
        return fail_errno("close " + path);
    }
    std::string directory = parent_directory(path);
    static const bool sync_needed = needs_directory_sync(directory);
    if (!sync_needed) {
        return {};
    }
    if (durability() == Durability::kStrict) {
        return sync_name_if_strict(path);
    }
    auto synced = sync_directory(directory);
    // postdrop may write into maildrop, but not read it, which fsync would take.
    bool out_of_reach = !synced && synced.error().sys_errno == EACCES;
    return out_of_reach ? Result<void>{} : synced;
}

Result<UniqueFd> open_unnoted(const std::string& path, int flags) {
    auto fd = open_file(path, flags | O_NOATIME);
    return !fd && fd.error().sys_errno == EPERM ? open_file(path, flags) : std::move(fd);
}

namespace {

Result<SeenQueueFile> open_complete(const std::string& path, int flags) {
    auto fd = open_unnoted(path, flags | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) {
        return fd.error().sys_errno == ENOENT ? fail(Errc::kNotFound, fd.error().message)
                                              : fail_with(fd);
    }
    QueueFileStatus status;
    if (::fstat(fd->get(), &status.info) != 0) {
        return fail_errno("fstat " + path);
    }
    if (!status.ready()) {
        return fail(Errc::kCorrupt, path + ": not a complete queue file");
    }
    return SeenQueueFile{std::move(*fd), status};
}

}  // namespace

Result<SeenQueueFile> look_at_queue_file(const std::string& path) {
    return open_complete(path, O_RDONLY);
}

Result<UniqueFd> open_queue_file(const std::string& path, QueueLock lock) {
    auto file = open_complete(path, O_RDWR);
    if (!file) {
        return fail_with(file);
    }
    int operation = lock == QueueLock::kShared ? LOCK_SH : LOCK_EX;
    while (::flock(file->fd.get(), operation | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return fail(Errc::kTemporary, path + ": locked by another process");
        }
        if (errno != EINTR) {
            return fail_errno("lock " + path);
        }
    }
    return std::move(file->fd);
}

Result<void> mark_recipient_done(int fd, std::int64_t offset) {
    return write_at(fd, offset, std::string_view("D"));
}

Result<void> rewrite_warning_time(int fd, std::int64_t offset, std::int64_t time) {
    std::string record;
    append_record(record, Rec::kWarnTime, format("{:>15}", time));
    return write_at(fd, offset, record);
}

Result<void> kill_record(int fd, std::int64_t offset) {
    return write_at(fd, offset, std::string_view("K"));
}

Result<void> mark_corrupt(int fd) {
    if (::fchmod(fd, kModeCorrupt) != 0) {
        return fail_errno("mark queue file corrupt");
    }
    return {};
}

}  // namespace relais
