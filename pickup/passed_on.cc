#include "pickup/passed_on.h"

#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/blocking.h"

namespace relais::pickup {

namespace {

constexpr const char* kFile = "pickup_passed_on";
constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // for some 25 million files

std::string line_of(const FileKey& key) {
    return format("{} {} {}\n", key.inode, key.seconds, key.nanoseconds);
}

// A disk that was full may have left a part of a line, which must not become one with the next.
bool ends_in_line(int file) {
    const off_t size = ::lseek(file, 0, SEEK_END);
    char last = '\n';
    return size <= 0 || (::pread(file, &last, 1, size - 1) == 1 && last == '\n');
}

Result<void> append(int directory, const std::string& line) {
    auto file = open_at(directory, kFile, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
    if (!file) {
        return fail_with(file);
    }
    auto written = write_all(file->get(), (ends_in_line(file->get()) ? "" : "\n") + line);
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
    struct stat there{};
    if (::fstatat(directory_.get(), kFile, &there, AT_SYMLINK_NOFOLLOW) != 0) {
        return;
    }
    auto file = open_at(directory_.get(), kFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    auto text = file ? read_all(file->get(), kMostBytes) : fail_with(file);
    if (!text) {
        log_fatal("{}: {}", kFile, text.error().message);
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

Task<void> PassedOn::insert(FileKey key) {
    if (!keys_.insert(key).second) {
        co_return;
    }
    auto place = co_await writing_.take();
    auto work = [directory = directory_.get(), line = line_of(key)] {
        return append(directory, line);
    };
    auto noted = co_await run_blocking(std::move(work));
    if (!noted) {
        log_warning("{}: {}", kFile, noted.error().message);
    }
}

void PassedOn::erase(const FileKey& key) {
    if (keys_.erase(key) > 0) {
        remove_unneeded();
    }
}

void PassedOn::keep(const std::set<FileKey>& there) {
    if (std::erase_if(keys_, [&there](const FileKey& key) { return !there.contains(key); }) > 0) {
        remove_unneeded();
    }
}

// A line that is left says nothing about any other file.
void PassedOn::remove_unneeded() const {
    if (keys_.empty()) {
        ::unlinkat(directory_.get(), kFile, 0);
    }
}

}  // namespace relais::pickup
