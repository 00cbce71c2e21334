#include "lib/base/process_lock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

static Result<bool> try_lock(int fd, const std::string& path) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return true;
    }
    if (errno == EWOULDBLOCK) {
        return false;
    }
    return fail_errno("lock " + path);
}

static long pid_in(int fd) {
    ::lseek(fd, 0, SEEK_SET);
    auto text = read_all(fd, 64);
    return text ? static_cast<long>(parse_uint(trim(*text)).value_or(0)) : 0;
}

Result<void> write_pid(int fd) {
    std::string text = format("{:>32}\n", ::getpid());
    if (::ftruncate(fd, 0) != 0 ||
        ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        return fail_errno("write lock file");
    }
    return {};
}

Result<UniqueFd> take_process_lock(const std::string& path) {
    auto fd = open_file(path, O_RDWR | O_CREAT, 0600);
    if (!fd) {
        return fd;
    }
    auto locked = try_lock(fd->get(), path);
    if (!locked) {
        return fail_with(locked);
    }
    if (!*locked) {
        return fail(Errc::kDenied,
                    format("the lock file {} is held by process {}", path, pid_in(fd->get())));
    }
    if (auto written = write_pid(fd->get()); !written) {
        return fail_with(written);
    }
    return fd;
}

Result<std::optional<long>> process_lock_holder(const std::string& path) {
    auto fd = open_file(path, O_RDWR);
    if (!fd) {
        if (fd.error().sys_errno == ENOENT) {
            return std::nullopt;
        }
        return fail_with(fd);
    }
    auto locked = try_lock(fd->get(), path);
    if (!locked) {
        return fail_with(locked);
    }
    if (*locked) {
        return std::nullopt;
    }
    return pid_in(fd->get());
}

}  // namespace relais
