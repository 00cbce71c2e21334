// The log of one message in bounce/, defer/ or trace/ (lib/queue/delivery_log.h): appending to it,
// opening and removing it.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/ipc/bounce_client.h"
#include "lib/queue/delivery_log.h"
#include "lib/queue/queue_dirs.h"

namespace relais::bounce {

[[nodiscard]] LogEntry log_entry_of(const BounceRequest& request);

// Appends, and syncs but for the log of deferrals; a log that could not take all of it has its old
// length again.  Blocks where it waits_for_disk(): run it on a helper thread then.
[[nodiscard]] Result<void> append_to_log(const QueueDirs& dirs, const std::string& service,
                                         const std::string& queue_id, const std::string& bytes);

[[nodiscard]] bool waits_for_disk(std::string_view service);

[[nodiscard]] Result<UniqueFd> open_log(const QueueDirs& dirs, const std::string& service,
                                        const std::string& queue_id);

// A log that is not there is well.
[[nodiscard]] Result<void> remove_log(const QueueDirs& dirs, const std::string& service,
                                      const std::string& queue_id);

}  // namespace relais::bounce
