#include "lib/store/directory_id.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace relais {

std::optional<DirectoryId> directory_id(const std::string& path) {
    struct statx status;
    bool known = ::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &status) == 0 &&
                 (status.stx_mask & STATX_BTIME) != 0 &&
                 (S_ISDIR(status.stx_mode) || S_ISREG(status.stx_mode));
    if (!known) {
        return std::nullopt;
    }
    std::uint64_t device =
        std::uint64_t{status.stx_dev_major} << 32 | std::uint64_t{status.stx_dev_minor};
    return DirectoryId{device, status.stx_ino,
                       status.stx_btime.tv_sec * 1'000'000'000 + status.stx_btime.tv_nsec};
}

}  // namespace relais
