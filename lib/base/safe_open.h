// Opening files in directories that others can write to (mailboxes, lock files): no hard-linked
// files, no symbolic links but those that root planted, no race between the check and the open.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace relais {

struct FileOwner {
    uid_t uid = 0;
    gid_t gid = 0;
};

// Opens an existing file, or makes it when `flags` has O_CREAT; a new file is given to `owner`.
// Kinds of failure: kDenied for a file that is refused (the message says why), kSystem else.
[[nodiscard]] Result<UniqueFd> safe_open(const std::string& path, int flags, unsigned mode,
                                         std::optional<FileOwner> owner = std::nullopt);

}  // namespace relais
