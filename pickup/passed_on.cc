#include "pickup/passed_on.h"

#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::pickup {

namespace {

constexpr const char* kFile = "pickup_passed_on";
constexpr std::size_t kMostBytes = std::size_t{1} << 20;

std::string line_of(const FileKey& key) {
    return format("{} {} {}\n", key.inode, key.seconds, key.nanoseconds);
}

Result<void> append(int directory, const std::string& line) {
    auto file = open_at(directory, kFile, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
    if (!file) {
        return fail_with(file);
    }
    auto written = write_all(file->get(), line);
    if (written && ::fdatasync(file->get()) != 0) {
        return fail_errno("fdatasync");
    }
    return written;
}

}  // namespace

PassedOn::PassedOn(UniqueFd directory) : directory_(std::move(directory)) {
    load();
}

void PassedOn::load() {
    auto file = open_at(directory_.get(), kFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file) {
        return;
    }
    auto text = read_all(file->get(), kMostBytes);
    if (!text) {
        log_warning("{}: {}", kFile, text.error().message);
        return;
    }
    for (std::string_view line : split_fields(*text, '\n')) {
        take(line);
    }
}

void PassedOn::take(std::string_view line) {
    const auto words = split_words(line);
    const auto inode = words.size() == 3 ? parse_uint(words[0]) : std::nullopt;
    const auto seconds = inode ? parse_int(words[1]) : std::nullopt;
    const auto nanoseconds = seconds ? parse_int(words[2]) : std::nullopt;
    if (nanoseconds) {
        keys_.emplace(*inode, *seconds, *nanoseconds);
    }
}

void PassedOn::insert(const FileKey& key) {
    if (!keys_.insert(key).second) {
        return;
    }
    if (auto noted = append(directory_.get(), line_of(key)); !noted) {
        log_warning("{}: {}", kFile, noted.error().message);
    }
}

// A line that is left says nothing about any other file.
void PassedOn::erase(const FileKey& key) {
    if (keys_.erase(key) > 0 && keys_.empty()) {
        ::unlinkat(directory_.get(), kFile, 0);
    }
}

}  // namespace relais::pickup
