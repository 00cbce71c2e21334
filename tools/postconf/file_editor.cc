#include "tools/postconf/file_editor.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::postconf {

namespace {

constexpr unsigned kDefaultMode = 0644;

// The lock is on the file to be replaced: after waiting for another editor it may be another file.
UniqueFd open_locked(const std::string& path) {
    for (;;) {
        auto fd = open_file(path, O_RDONLY);
        if (!fd) {
            log_fatal("open {} for reading: {}", path, std::strerror(fd.error().sys_errno));
        }
        struct stat mine{};
        struct stat now{};
        if (::flock(fd->get(), LOCK_EX) != 0 || ::fstat(fd->get(), &mine) != 0) {
            log_fatal("lock {}: {}", path, std::strerror(errno));
        }
        if (::stat(path.c_str(), &now) == 0 && now.st_ino == mine.st_ino &&
            now.st_dev == mine.st_dev) {
            return std::move(*fd);
        }
    }
}

std::vector<PhysicalLine> split_physical(std::string_view text) {
    std::vector<PhysicalLine> lines;
    while (!text.empty()) {
        auto end = text.find('\n');
        auto line = text.substr(0, end == std::string_view::npos ? end : end + 1);
        text.remove_prefix(line.size());
        auto content = trim_left(line);
        auto kind = content.empty() || content.front() == '#' ? PhysicalLine::Kind::kComment
                    : is_blank(line.front())                  ? PhysicalLine::Kind::kContinuation
                                                              : PhysicalLine::Kind::kStart;
        lines.push_back({kind, std::string(line)});
    }
    return lines;
}

// A symbolic link stays: what it points to is replaced.
std::string real_path(const std::string& path) {
    char* resolved = ::realpath(path.c_str(), nullptr);
    std::string target = resolved != nullptr ? resolved : path;
    std::free(resolved);
    return target;
}

}  // namespace

FileEditor::FileEditor(std::string path) : path_(std::move(path)), lock_(open_locked(path_)) {
    auto text = read_all(lock_.get());
    if (!text) {
        log_fatal("read {}: {}", path_, text.error().message);
    }
    lines_ = split_physical(*text);
}

void FileEditor::put(std::string_view text) {
    out_ += text;
}

void FileEditor::put_line(std::string_view text) {
    if (!out_.empty() && out_.back() != '\n') {
        out_ += '\n';
    }
    out_ += text;
    out_ += '\n';
}

void FileEditor::save() {
    auto target = real_path(path_);
    auto temporary = path_ + ".tmp";
    struct stat now{};
    if (::fstat(lock_.get(), &now) != 0) {
        log_fatal("stat {}: {}", path_, std::strerror(errno));
    }
    ::unlink((target + ".tmp").c_str());
    auto fd = open_file(target + ".tmp", O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!fd) {
        log_fatal("open {}: {}", temporary, std::strerror(fd.error().sys_errno));
    }
    unsigned mode = (now.st_mode & 07777U) != 0 ? now.st_mode & 07777U : kDefaultMode;
    bool same_owner = now.st_uid == ::geteuid() && now.st_gid == ::getegid();
    bool done = write_all(fd->get(), out_).has_value() &&
                (same_owner || ::fchown(fd->get(), now.st_uid, now.st_gid) == 0) &&
                ::fchmod(fd->get(), mode) == 0 && ::fsync(fd->get()) == 0 &&
                ::rename((target + ".tmp").c_str(), target.c_str()) == 0;
    if (!done) {
        int error = errno;
        ::unlink((target + ".tmp").c_str());
        log_fatal("write {}: {}", temporary, std::strerror(error));
    }
    auto directory = target.substr(0, target.rfind('/') + 1);
    auto synced = sync_directory(directory.empty() ? "." : directory);
    if (!synced) {
        log_warning("{}", synced.error().message);
    }
}

}  // namespace relais::postconf
