// Queue files: making one so that it is on disk before "250", and updating one in delivery.
//
// A new file gets a temporary name, then its queue id (which holds its inode number), is written
// with mode 0600 and becomes a message by mode 0700 and fsync: a crash before that leaves a file
// that nobody takes for mail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/queue/queue_dirs.h"
#include "lib/queue/queue_id.h"
#include "lib/queue/record.h"

namespace relais {

class NewQueueFile {
  public:
    // `mode` is that of the incomplete file: kModeIncomplete, or 0644 in maildrop.
    static Result<NewQueueFile> create(const QueueDirs& dirs, std::string_view queue, mode_t mode);

    NewQueueFile(NewQueueFile&&) = default;
    NewQueueFile& operator=(NewQueueFile&&) = default;

    const std::string& id() const { return id_; }

    const std::string& path() const { return path_; }

    // The time in the id, which is the message's arrival time.
    QueueTime time() const { return time_; }

    int fd() const { return fd_.get(); }

    // All of it, while none of it has been written.
    std::optional<std::string_view> in_memory() const {
        return written_ == 0 ? std::optional<std::string_view>(pending_) : std::nullopt;
    }

    // Where the next record goes.
    std::int64_t offset() const { return written_ + static_cast<std::int64_t>(pending_.size()); }

    // Records gather in memory; files beyond kFlushSize are written in pieces of that size.
    Result<void> put(Rec type, std::string_view data);
    Result<void> put_attribute(std::string_view name, std::string_view value);
    // Bytes that are records already.
    Result<void> put_encoded(std::string_view records);

    // Replaces bytes that were put before.
    Result<void> overwrite(std::int64_t offset, std::string_view bytes);

    Result<void> flush();

    // What was put reaches the disk, with the mode of a message: flush, fchmod, fsync, close and,
    // where the file system needs it, fsync of the directory.  Blocks.  Daemons call flush() and
    // hand detach() to sync_queue_file() on a helper thread.
    Result<void> commit(mode_t mode);

    // The file stays as it is, and is the caller's.
    UniqueFd detach() { return std::move(fd_); }

    // Removes the file.
    Result<void> remove();

    // The file's name changed (hold, defer): later remove() finds it.
    void moved_to(std::string path) { path_ = std::move(path); }

  private:
    NewQueueFile() = default;
    Result<void> flush_if_large();

    std::string id_;
    std::string path_;
    QueueTime time_;
    UniqueFd fd_;
    std::string pending_;
    std::int64_t written_ = 0;  // bytes in the file
};

// The blocking half of a commit: fchmod, fsync, close, directory.  For helper threads.
[[nodiscard]] Result<void> sync_queue_file(UniqueFd fd, const std::string& path, mode_t mode);

// Whether new names in this directory outlive a crash only after fsync of the directory.  ext4,
// xfs, btrfs, f2fs, zfs and tmpfs make a new file's name durable with the file, which is not relied
// on where durability = strict.
[[nodiscard]] bool needs_directory_sync(const std::string& directory);

enum class QueueLock { kShared, kExclusive };

// Opens a complete queue file read-write and locks it (flock) without waiting: qmgr exclusively
// while it reads, delivery agents shared.  kTemporary: somebody else holds the lock.  kNotFound:
// no such file.  kCorrupt: not a complete queue file.
[[nodiscard]] Result<UniqueFd> open_queue_file(const std::string& path, QueueLock lock);

// open(2) for files of the queue.  Nobody asks when one was last read, and to note it the file
// system would have to write; only the owner and root may do without.
[[nodiscard]] Result<UniqueFd> open_unnoted(const std::string& path, int flags);

// A complete queue file that is only looked at, and what it is.
struct SeenQueueFile {
    UniqueFd fd;
    QueueFileStatus status;
};

// kNotFound: no such file.  kCorrupt: not a complete queue file.
[[nodiscard]] Result<SeenQueueFile> look_at_queue_file(const std::string& path);

// The recipient at this offset needs no more delivery: one byte is overwritten.
[[nodiscard]] Result<void> mark_recipient_done(int fd, std::int64_t offset);

// Overwrites the record at `offset` with one of the same length: `W` after the delay warning.
[[nodiscard]] Result<void> rewrite_warning_time(int fd, std::int64_t offset, std::int64_t time);
// Strikes a record out (K).
[[nodiscard]] Result<void> kill_record(int fd, std::int64_t offset);
// Mode bits that mark the file corrupt, for qmgr to move it away.
[[nodiscard]] Result<void> mark_corrupt(int fd);

}  // namespace relais
