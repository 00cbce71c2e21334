#include "lib/queue/queue_scan.h"

#include <cerrno>
#include <string_view>
#include <utility>

namespace relais {

namespace {

constexpr std::size_t kMaxDepth = 20;  // hash_queue_depth is at most 10

}  // namespace

Result<void> QueueScan::enter(std::string path) {
    std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
    if (!directory) {
        return fail_errno("open directory " + path);
    }
    levels_.push_back({std::move(path), std::move(directory)});
    return {};
}

Result<QueueScan> QueueScan::open(const std::string& queue) {
    QueueScan scan;
    if (auto entered = scan.enter(queue); !entered) {
        return fail_with(entered);
    }
    return scan;
}

std::optional<QueueScan::Entry> QueueScan::next() {
    while (!levels_.empty()) {
        Level& level = levels_.back();
        errno = 0;
        const dirent* found = ::readdir(level.directory.get());
        if (found == nullptr) {
            if (errno != 0) {
                troubles_.push_back(fail_errno("read directory " + level.path).error());
            }
            levels_.pop_back();
            continue;
        }
        std::string_view name = found->d_name;
        if (name == "." || name == "..") {
            continue;
        }
        std::string path = level.path + "/" + std::string(name);
        if (name.size() > 1) {
            return Entry{std::string(name), std::move(path), found->d_ino, found->d_type};
        }
        if (levels_.size() < kMaxDepth) {
            if (auto entered = enter(std::move(path));
                !entered && entered.error().sys_errno != ENOENT) {
                troubles_.push_back(entered.error());
            }
        }
    }
    return std::nullopt;
}

}  // namespace relais
