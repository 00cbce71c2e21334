#include "lib/store/file_kind.h"

#include <cerrno>

#include <sys/stat.h>

namespace relais {

Result<FileKind> file_kind(const std::string& path) {
    struct stat status;
    if (::stat(path.c_str(), &status) == 0) {
        return S_ISDIR(status.st_mode)   ? FileKind::kDirectory
               : S_ISREG(status.st_mode) ? FileKind::kFile
                                         : FileKind::kOther;
    }
    // A link to itself leads to nothing, and no file has a longer path than there can be.
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG) {
        return FileKind::kNone;
    }
    return fail_errno("stat " + path);
}

bool is_directory(const std::string& path) {
    return file_kind(path).value_or(FileKind::kNone) == FileKind::kDirectory;
}

bool is_file(const std::string& path) {
    return file_kind(path).value_or(FileKind::kNone) == FileKind::kFile;
}

}  // namespace relais
