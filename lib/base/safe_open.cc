#include "lib/base/safe_open.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"

namespace relais {

namespace {

// A symbolic link is followed only where root made it, in a directory that only root can change.
Result<void> check_link(const std::string& path, const struct stat& link) {
    if (link.st_uid != 0) {
        return fail(Errc::kDenied, "file is a symbolic link");
    }
    std::size_t slash = path.rfind('/');
    std::string parent = slash == std::string::npos ? "."
                         : slash == 0               ? "/"
                                                    : path.substr(0, slash);
    struct stat directory;
    if (::stat(parent.c_str(), &directory) < 0) {
        return fail_errno("stat " + parent);
    }
    if (directory.st_uid != 0 || (directory.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(Errc::kDenied, "file is a symbolic link");
    }
    return {};
}

Result<UniqueFd> open_existing(const std::string& path, int flags) {
    auto fd = open_file(path, (flags & ~(O_CREAT | O_EXCL | O_TRUNC)) | O_NONBLOCK);
    if (!fd) {
        return fail_errno("cannot open file", fd.error().sys_errno);
    }
    struct stat opened;
    struct stat named;
    if (::fstat(fd->get(), &opened) < 0 || ::lstat(path.c_str(), &named) < 0) {
        return fail_errno("cannot open file");
    }
    if (opened.st_nlink > 1 && !S_ISDIR(opened.st_mode)) {
        return fail(Errc::kDenied, format("file has {} hard links", opened.st_nlink));
    }
    if (S_ISDIR(opened.st_mode)) {
        return fail(Errc::kDenied, "file is a directory");
    }
    if (S_ISLNK(named.st_mode)) {
        auto checked = check_link(path, named);
        if (!checked) {
            return fail_with(checked);
        }
    } else if (opened.st_dev != named.st_dev || opened.st_ino != named.st_ino) {
        return fail(Errc::kDenied, "file has changed while it was opened");
    }
    int now = ::fcntl(fd->get(), F_GETFL);
    if (now >= 0 && (flags & O_NONBLOCK) == 0) {
        ::fcntl(fd->get(), F_SETFL, now & ~O_NONBLOCK);
    }
    if ((flags & O_TRUNC) != 0 && ::ftruncate(fd->get(), 0) < 0) {
        return fail_errno("truncate " + path);
    }
    return fd;
}

Result<UniqueFd> create_new(const std::string& path, int flags, unsigned mode,
                            std::optional<FileOwner> owner) {
    auto fd = open_file(path, flags | O_CREAT | O_EXCL, mode);
    if (!fd) {
        return fail_errno("cannot create file exclusively", fd.error().sys_errno);
    }
    if (!owner) {
        return fd;
    }
    if (::fchown(fd->get(), owner->uid, owner->gid) < 0) {
        auto error = fail_errno("cannot change ownership of file");
        ::unlink(path.c_str());
        return error;
    }
    return fd;
}

}  // namespace

Result<UniqueFd> safe_open(const std::string& path, int flags, unsigned mode,
                           std::optional<FileOwner> owner) {
    if ((flags & O_CREAT) == 0) {
        return open_existing(path, flags);
    }
    if ((flags & O_EXCL) != 0) {
        return create_new(path, flags, mode, owner);
    }
    // Another process may make or remove the file between the two attempts: go round a few times.
    Result<UniqueFd> fd;
    for (int attempt = 0; attempt < 5; ++attempt) {
        fd = open_existing(path, flags);
        if (fd || fd.error().sys_errno != ENOENT) {
            return fd;
        }
        fd = create_new(path, flags, mode, owner);
        if (fd || fd.error().sys_errno != EEXIST) {
            return fd;
        }
    }
    return fd;
}

}  // namespace relais
