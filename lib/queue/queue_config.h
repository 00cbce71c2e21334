// The queue directories as main.cf has them.
#pragma once

#include "lib/config/config.h"
#include "lib/queue/queue_dirs.h"

namespace relais {

// From hash_queue_names, hash_queue_depth and enable_long_queue_ids.
[[nodiscard]] QueueDirs queue_dirs_from(const Config& config);

}  // namespace relais
