#include "tools/postconf/file_editor.h"

#include <cerrno>
#include <cstdlib>
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

// Another editor may have renamed the file that we waited for: then there is a newer one to lock.
UniqueFd open_locked(const std::string& path, const std::string& shown) {
    for (;;) {
        auto fd = open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
        if (!fd) {
            log_fatal("open {}: {}", shown, std::strerror(fd.error().sys_errno));
        }
        struct stat mine{};
        if (::flock(fd->get(), LOCK_EX) != 0 || ::fstat(fd->get(), &mine) != 0) {
            log_fatal("lock {}: {}", shown, std::strerror(errno));
        }
        if (mine.st_nlink == 1 && is_file_at(fd->get(), path)) {
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

}  // namespace

namespace {

// The new file while it is not in place: taken away again when the program ends before that.
std::string& unfinished() {
    static std::string path;
    return path;
}

void remove_unfinished() {
    if (!unfinished().empty()) {
        ::unlink(unfinished().c_str());
    }
}

}  // namespace

FileEditor::FileEditor(std::string path)
    : path_(std::move(path)),
      target_(real_path(path_).value_or(path_)),  // a symbolic link stays
      new_file_(open_locked(target_ + ".tmp", path_ + ".tmp")) {
    unfinished() = target_ + ".tmp";
    std::atexit(remove_unfinished);
    auto text = read_file(target_);
    if (!text) {
        log_fatal("open {} for reading: {}", path_, std::strerror(text.error().sys_errno));
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
    auto temporary = target_ + ".tmp";
    struct stat old{};
    if (::stat(target_.c_str(), &old) != 0) {
        log_fatal("stat {}: {}", path_, std::strerror(errno));
    }
    int fd = new_file_.get();
    bool same_owner = old.st_uid == ::geteuid() && old.st_gid == ::getegid();
    bool done = ::ftruncate(fd, 0) == 0 && write_all(fd, out_).has_value() &&
                (same_owner || ::fchown(fd, old.st_uid, old.st_gid) == 0) &&
                ::fchmod(fd, old.st_mode & 07777U) == 0 && ::fsync(fd) == 0 &&
                ::rename(temporary.c_str(), target_.c_str()) == 0;
    if (!done) {
        log_fatal("write {}.tmp: {}", path_, std::strerror(errno));
    }
    unfinished().clear();
    auto slash = target_.rfind('/');
    auto synced = sync_directory(slash == std::string::npos ? "." : target_.substr(0, slash + 1));
    if (!synced) {
        log_warning("{}", synced.error().message);
    }
}

}  // namespace relais::postconf
