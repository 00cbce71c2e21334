#include "bounce/log_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/durability.h"
#include "lib/base/file.h"
#include "lib/base/format.h"

namespace relais::bounce {

LogEntry log_entry_of(const BounceRequest& request) {
    LogEntry entry;
    entry.address = request.recipient.address;
    entry.original = request.recipient.original;
    entry.dsn_orig_rcpt = request.recipient.dsn_orig_rcpt;
    entry.offset = request.recipient.offset;
    entry.notify = request.recipient.notify;
    entry.status = request.status;
    return entry;
}

namespace {

Result<UniqueFd> open_to_append(const QueueDirs& dirs, const std::string& service,
                                const std::string& queue_id) {
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT;
    std::string path = dirs.path(service, queue_id);
    auto fd = open_file(path, kFlags, 0600);
    if (!fd && fd.error().sys_errno == ENOENT) {
        if (auto made = dirs.make_directories(service, queue_id); !made) {
            return fail_with(made);
        }
        fd = open_file(path, kFlags, 0600);
    }
    if (!fd) {
        return fail_errno(format("open file {} {}", service, queue_id), fd.error().sys_errno);
    }
    return fd;
}

}  // namespace

// Why mail is late can be lost in a crash, the message is in the queue all the same and will be
// tried again: that is no reason to wait for the disk at every deferral.
bool waits_for_disk(std::string_view service) {
    return service != kDeferLog;
}

Result<void> append_to_log(const QueueDirs& dirs, const std::string& service,
                           const std::string& queue_id, const std::string& bytes) {
    auto fd = open_to_append(dirs, service, queue_id);
    if (!fd) {
        return fail_with(fd);
    }
    if (::flock(fd->get(), LOCK_EX) < 0) {
        return fail_errno(format("lock file {} {}", service, queue_id));
    }
    off_t before = ::lseek(fd->get(), 0, SEEK_END);
    auto written = write_all(fd->get(), bytes);
    if (written && waits_for_disk(service)) {
        bool synced = ::fsync(fd->get()) == 0;
        written = synced ? sync_name_if_strict(dirs.path(service, queue_id))
                         : fail_errno(format("append file {} {}", service, queue_id));
    }
    if (!written && before >= 0 && ::ftruncate(fd->get(), before) < 0) {
        // This runs on a helper thread, which must not write to the log.
        Error error = written.error();
        error.message +=
            "; " + fail_errno(format("truncate file {} {}", service, queue_id)).error().message;
        return std::unexpected(std::move(error));
    }
    return written;
}

Result<UniqueFd> open_log(const QueueDirs& dirs, const std::string& service,
                          const std::string& queue_id) {
    return open_file(dirs.path(service, queue_id), O_RDONLY);
}

Result<void> remove_log(const QueueDirs& dirs, const std::string& service,
                        const std::string& queue_id) {
    std::string path = dirs.path(service, queue_id);
    if (::unlink(path.c_str()) < 0 && errno != ENOENT) {
        return fail_errno(format("remove {} {}", service, queue_id));
    }
    return {};
}

}  // namespace relais::bounce
