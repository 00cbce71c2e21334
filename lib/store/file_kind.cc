#include "lib/store/file_kind.h"

#include <cerrno>
#include <memory>

#include <dirent.h>
#include <sys/stat.h>

namespace relais {

namespace {

struct CloseDirectory {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

// A link is what it leads to, and some file systems do not tell.
std::optional<FileKind> kind_of(const dirent& entry) {
    switch (entry.d_type) {
        case DT_DIR:
            return FileKind::kDirectory;
        case DT_REG:
            return FileKind::kFile;
        case DT_LNK:
        case DT_UNKNOWN:
            return std::nullopt;
        default:
            return FileKind::kOther;
    }
}

}  // namespace

bool means_nothing_there(int reason) {
    return reason == ENOENT || reason == ENOTDIR || reason == ELOOP || reason == ENAMETOOLONG;
}

Result<FileKind> file_kind(const std::string& path) {
    struct stat status;
    if (::stat(path.c_str(), &status) == 0) {
        return S_ISDIR(status.st_mode)   ? FileKind::kDirectory
               : S_ISREG(status.st_mode) ? FileKind::kFile
                                         : FileKind::kOther;
    }
    const int reason = errno;
    return means_nothing_there(reason) ? Result<FileKind>(FileKind::kNone)
                                       : fail_errno("stat " + path, reason);
}

Result<void> for_each_entry(const std::string& directory, const TakeEntry& take) {
    std::unique_ptr<DIR, CloseDirectory> dir(::opendir(directory.c_str()));
    if (!dir) {
        return fail_errno("open directory " + directory);
    }
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") {
            take(name, kind_of(*entry));
        }
        errno = 0;
    }
    return errno == 0 ? Result<void>() : fail_errno("read directory " + directory);
}

bool is_directory(const std::string& path) {
    return file_kind(path).value_or(FileKind::kNone) == FileKind::kDirectory;
}

bool is_file(const std::string& path) {
    return file_kind(path).value_or(FileKind::kNone) == FileKind::kFile;
}

}  // namespace relais
