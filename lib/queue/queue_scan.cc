#include "lib/queue/queue_scan.h"

#include <string_view>
#include <utility>

namespace relais {

namespace {

constexpr std::size_t kMaxDepth = 20;  // hash_queue_depth is at most 10

}  // namespace

bool QueueScan::enter(std::string path) {
    std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
    if (!directory) {
        return false;
    }
    levels_.push_back({std::move(path), std::move(directory)});
    return true;
}

Result<QueueScan> QueueScan::open(const std::string& queue) {
    QueueScan scan;
    if (!scan.enter(queue)) {
        return fail_errno("open directory " + queue);
    }
    return scan;
}

std::optional<QueueScan::Entry> QueueScan::next() {
    while (!levels_.empty()) {
        Level& level = levels_.back();
        const dirent* found = ::readdir(level.directory.get());
        if (found == nullptr) {
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
            enter(std::move(path));
        }
    }
    return std::nullopt;
}

}  // namespace relais
