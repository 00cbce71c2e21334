#include "services/flush/site_log.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <unordered_set>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/queue/queue_scan.h"

namespace relais::flush {

namespace {

constexpr std::size_t kLargestLog = std::size_t{256} << 20;
constexpr unsigned kLogMode = 0600;

Result<UniqueFd> open_locked(const std::string& path, int flags) {
    auto fd = open_file(path, flags, kLogMode);
    if (!fd) {
        return fd;
    }
    while (::flock(fd->get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            return fail_errno("lock " + path);
        }
    }
    return fd;
}

}  // namespace

std::string site_file_name(std::string_view site) {
    std::string name;
    bool usable = false;
    for (char c : site) {
        name += is_alnum(c) ? to_lower(c) : '_';
        usable = usable || is_alnum(c);
    }
    return usable && name.size() <= NAME_MAX ? name : std::string();
}

Result<void> append_to_log(const QueueDirs& dirs, const std::string& file_name,
                           std::string_view queue_id) {
    std::string path = dirs.path(kFlushLog, file_name);
    auto fd = open_locked(path, O_WRONLY | O_APPEND | O_CREAT);
    if (!fd && fd.error().sys_errno == ENOENT) {
        if (auto made = dirs.make_directories(kFlushLog, file_name); !made) {
            return made;
        }
        fd = open_locked(path, O_WRONLY | O_APPEND | O_CREAT);
    }
    if (!fd) {
        return fail_with(fd);
    }
    return write_all(fd->get(), std::string(queue_id) + "\n");
}

Result<std::vector<std::string>> take_log(const QueueDirs& dirs, const std::string& file_name) {
    std::vector<std::string> ids;
    std::string path = dirs.path(kFlushLog, file_name);
    auto fd = open_locked(path, O_RDWR);
    if (!fd) {
        if (fd.error().sys_errno == ENOENT) {
            return ids;
        }
        return fail_with(fd);
    }
    auto text = read_all(fd->get(), kLargestLog);
    if (!text) {
        return fail_with(text);
    }
    std::unordered_set<std::string_view> seen;
    for (std::string_view line : split_fields(*text, '\n')) {
        if (line.empty() || !seen.insert(line).second) {
            continue;
        }
        if (!valid_queue_id(line)) {
            log_warning("bad queue id \"{}\" in fast flush logfile {}",
                        printable(line.substr(0, 30)), path);
            continue;
        }
        ids.emplace_back(line);
    }
    if (::ftruncate(fd->get(), 0) != 0) {
        return fail_errno("truncate " + path);
    }
    return ids;
}

bool release_message(const QueueDirs& dirs, const std::string& queue_id, DeadSites dead_sites) {
    for (std::string_view queue : {kDeferred, kIncoming}) {
        std::string path = dirs.path(queue, queue_id);
        struct stat info{};
        if (::stat(path.c_str(), &info) != 0) {
            continue;
        }
        if (dead_sites == DeadSites::kTry &&
            ::chmod(path.c_str(), (info.st_mode & 0777) | kModeUnthrottle) != 0 &&
            errno != ENOENT) {
            log_warning("chmod {}: {}", path, std::strerror(errno));
        }
        // The queue manager looks at the time stamp: it must not lie in the future any more.
        if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) {
            if (errno != ENOENT) {
                log_warning("update {} time stamps: {}", path, std::strerror(errno));
            }
            continue;
        }
        if (queue == kDeferred) {
            auto moved = dirs.move(queue_id, kDeferred, kIncoming);
            if (!moved && moved.error().sys_errno != ENOENT) {
                log_warning("{}", moved.error().message);
            }
            return moved.has_value();
        }
        return true;
    }
    return false;
}

std::vector<std::string> old_logs(const QueueDirs& dirs, long refresh, long purge) {
    std::vector<std::string> names;
    auto scan = QueueScan::open(std::string(kFlushLog));
    if (!scan) {
        return names;
    }
    std::time_t now = std::time(nullptr);
    while (auto entry = scan->next()) {
        std::string path = dirs.path(kFlushLog, entry->name);
        struct stat info{};
        if (::stat(path.c_str(), &info) != 0) {
            continue;
        }
        if (info.st_size > 0) {
            if (info.st_atime + refresh <= now) {
                names.push_back(entry->name);
            }
        } else if (info.st_mtime + purge <= now) {
            ::unlink(path.c_str());
        }
    }
    return names;
}

}  // namespace relais::flush
