#include "lib/base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/durability.h"

namespace relais {

Result<UniqueFd> open_at(int directory, const std::string& path, int flags, unsigned mode) {
    int fd;
    do {
        fd = ::openat(directory, path.c_str(), flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return fail_errno("open " + path);
    }
    return UniqueFd(fd);
}

Result<UniqueFd> open_file(const std::string& path, int flags, unsigned mode) {
    return open_at(AT_FDCWD, path, flags, mode);
}

Result<std::string> read_all(int fd, std::size_t limit) {
    std::string content;
    for (;;) {
        std::size_t had = content.size();
        std::size_t chunk = std::max<std::size_t>(4096, had);
        content.resize(had + chunk);
        ssize_t got = ::read(fd, content.data() + had, chunk);
        if (got < 0 && errno == EINTR) {
            content.resize(had);
            continue;
        }
        if (got < 0) {
            return fail_errno("read");
        }
        content.resize(had + static_cast<std::size_t>(got));
        if (got == 0) {
            return content;
        }
        if (content.size() > limit) {
            return fail(Errc::kTooLarge, "file is too large");
        }
    }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    auto fd = open_file(path, O_RDONLY);
    if (!fd) {
        return fail_with(fd);
    }
    auto content = read_all(fd->get(), limit);
    if (!content) {
        Error error = content.error();
        error.message = path + ": " + error.message;
        return std::unexpected(std::move(error));
    }
    return content;
}

Result<void> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return fail_errno("write");
        }
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

static Result<void> write_synced(int fd, std::string_view content, unsigned mode) {
    if (auto written = write_all(fd, content); !written) {
        return written;
    }
    if (::fchmod(fd, mode) != 0 || ::fsync(fd) != 0) {
        return fail_errno("fsync");
    }
    return {};
}

Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode) {
    std::string temporary = path + ".tmp." + std::to_string(::getpid());
    auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!fd) {
        return fail_with(fd);
    }
    auto written = write_synced(fd->get(), content, mode);
    if (written && std::rename(temporary.c_str(), path.c_str()) != 0) {
        written = fail_errno("rename " + temporary + " to " + path);
    }
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    return sync_directory(parent_directory(path));
}

Result<void> sync_directory(const std::string& path) {
    auto fd = open_file(path, O_RDONLY | O_DIRECTORY);
    if (!fd) {
        return fail_with(fd);
    }
    if (::fsync(fd->get()) != 0) {
        return fail_errno("fsync " + path);
    }
    return {};
}

struct CloseDirectory {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

Result<std::vector<std::string>> list_directory(const std::string& path) {
    std::unique_ptr<DIR, CloseDirectory> dir(::opendir(path.c_str()));
    if (!dir) {
        return fail_errno("open directory " + path);
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
        std::string_view name = entry->d_name;
        if (name != "." && name != "..") {
            names.emplace_back(name);
        }
        errno = 0;
    }
    if (errno != 0) {
        return fail_errno("read directory " + path);
    }
    std::ranges::sort(names);
    return names;
}

std::string parent_directory(const std::string& path) {
    auto slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<std::string> real_path(const std::string& path) {
    std::unique_ptr<char, decltype(&std::free)> whole(::realpath(path.c_str(), nullptr),
                                                      &std::free);
    return whole ? std::optional<std::string>(whole.get()) : std::nullopt;
}

bool is_file_at(int fd, const std::string& path) {
    struct stat opened;
    struct stat there;
    return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &there) == 0 &&
           opened.st_ino == there.st_ino && opened.st_dev == there.st_dev;
}

static Result<void> change_blocking(int fd, int wanted) {
    int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK) == wanted) {
        return {};
    }
    if (flags < 0 || ::fcntl(fd, F_SETFL, (flags & ~O_NONBLOCK) | wanted) < 0) {
        return fail_errno(wanted != 0 ? "set non-blocking" : "set blocking");
    }
    return {};
}

Result<void> set_nonblocking(int fd) {
    return change_blocking(fd, O_NONBLOCK);
}

Result<void> set_blocking(int fd) {
    return change_blocking(fd, 0);
}

// One that exists is well.
static Result<void> make_directory(const std::string& path, unsigned mode) {
    if (::mkdir(path.c_str(), mode) == 0) {
        return sync_name_if_strict(path);
    }
    int reason = errno;
    struct stat status;
    bool there = ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    return reason == EEXIST || there ? Result<void>()
                                     : fail_errno("create directory " + path, reason);
}

Result<void> make_directories(const std::string& path, unsigned mode) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        auto made = make_directory(path.substr(0, slash), mode);
        if (!made || slash == std::string::npos) {
            return made;
        }
    }
}

}  // namespace relais
