// Mailboxes on a file system that several machines share, such as NFS: the kernel's locks hold in
// one machine, and two that append at once may write to one place.  There a lock file stands in,
// which is made in one step on the server.
#pragma once

#include <optional>
#include <string>

#include "lib/store/dot_lock.h"

namespace relais {

enum class Storage { kOwn, kShared };

// mail_nfs_storage
[[nodiscard]] Storage storage_setting();

// PATH.lock, waited for some seconds, blocking: a lock is held for one small write.  What the
// machine remembers of the file is looked at anew then.  Nothing where the storage is this
// machine's own, or somebody does not let go.
[[nodiscard]] std::optional<DotLock> lock_across_machines(const std::string& path, Storage storage);

}  // namespace relais
