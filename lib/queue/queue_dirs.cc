#include "lib/queue/queue_dirs.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <unistd.h>

#include "lib/base/durability.h"
#include "lib/base/strings.h"

namespace relais {

QueueDirs::QueueDirs(std::vector<std::string> hashed, int depth, QueueIdForm form)
    : hashed_(std::move(hashed)), depth_(depth), form_(form) {
}

int QueueDirs::hash_depth(std::string_view queue) const {
    bool hashed =
        std::ranges::any_of(hashed_, [&](const std::string& name) { return iequals(name, queue); });
    return hashed ? depth_ : 0;
}

std::string QueueDirs::path(std::string_view queue, std::string_view id) const {
    std::string path(queue);
    path += '/';
    if (int depth = hash_depth(queue); depth > 0) {
        std::string hashed_by(id);
        if (is_long_queue_id(id)) {
            if (auto usec = queue_id_hex_microseconds(id)) {
                hashed_by = std::move(*usec);
            }
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(depth); ++i) {
            path += i < hashed_by.size() ? hashed_by[i] : '_';
            path += '/';
        }
    }
    path += id;
    return path;
}

Result<void> QueueDirs::make_directories(std::string_view queue, std::string_view id) const {
    std::string file = path(queue, id);
    for (auto slash = file.find('/'); slash != std::string::npos;
         slash = file.find('/', slash + 1)) {
        std::string directory = file.substr(0, slash);
        if (::mkdir(directory.c_str(), 0700) == 0) {
            // What is moved into it would be gone with it.
            if (auto synced = sync_name_if_strict(directory); !synced) {
                return synced;
            }
        } else if (errno != EEXIST) {
            return fail_errno("create directory " + directory);
        }
    }
    return {};
}

Result<void> QueueDirs::move(std::string_view id, std::string_view from,
                             std::string_view to) const {
    std::string old_path = path(from, id);
    std::string new_path = path(to, id);
    if (std::rename(old_path.c_str(), new_path.c_str()) == 0) {
        return {};
    }
    // What is missing is the directory, or the file itself.
    if (errno == ENOENT && hash_depth(to) > 0 && queue_file_status(old_path)) {
        if (auto made = make_directories(to, id); !made) {
            return made;
        }
        if (std::rename(old_path.c_str(), new_path.c_str()) == 0) {
            return {};
        }
    }
    return fail_errno("rename " + old_path + " to " + new_path);
}

Result<void> QueueDirs::remove(std::string_view queue, std::string_view id) const {
    std::string file = path(queue, id);
    if (::unlink(file.c_str()) != 0) {
        return fail_errno("remove " + file);
    }
    return {};
}

void QueueDirs::remove_left_over(std::string_view queue, std::string_view id) const {
    ::unlink(path(queue, id).c_str());
}

Result<QueueFileStatus> queue_file_status(const std::string& path) {
    QueueFileStatus status;
    if (::lstat(path.c_str(), &status.info) != 0) {
        return fail_errno("stat " + path);
    }
    return status;
}

}  // namespace relais
