#include "lib/store/file_kind.h"

#include <cerrno>

#include <sys/stat.h>

namespace relais {

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

bool is_directory(const std::string& path) {
    return file_kind(path).value_or(FileKind::kNone) == FileKind::kDirectory;
}

bool is_file(const std::string& path) {
    return file_kind(path).value_or(FileKind::kNone) == FileKind::kFile;
}

}  // namespace relais
