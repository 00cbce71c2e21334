#include "lib/store/shared_lock.h"

#include <cerrno>
#include <ctime>
#include <utility>

#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

namespace relais {

namespace {

constexpr int kAttempts = 200;
constexpr timespec kPause = {0, 10'000'000};

}  // namespace

Storage storage_setting() {
    return conf().mail_nfs_storage() ? Storage::kShared : Storage::kOwn;
}

std::optional<DotLock> lock_across_machines(const std::string& path, Storage storage) {
    if (storage == Storage::kOwn) {
        return std::nullopt;
    }
    std::string lock_path = path + ".lock";
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto lock = DotLock::attempt(lock_path, {.mode = 0600});
        if (lock) {
            // Opening asks the server for the file's size and what has changed (close-to-open).
            static_cast<void>(open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
            return std::move(*lock);
        }
        if (lock.error().sys_errno != EEXIST) {
            log_warning("{}", lock.error().message);
            return std::nullopt;
        }
        ::nanosleep(&kPause, nullptr);
    }
    log_warning("{} is held by another process", lock_path);
    return std::nullopt;
}

}  // namespace relais
