// Directories of a queue that could not be read, and hide whatever messages they have.
#pragma once

#include <vector>

#include "lib/base/log.h"
#include "lib/base/result.h"

namespace relais {

// Ends postsuper where there are any: nobody shall believe that all of the queue was looked at.
inline void end_where_unread(const std::vector<Error>& troubles) {
    if (!troubles.empty()) {
        log_fatal("scan_dir_push: {}", troubles.front().message);
    }
}

}  // namespace relais
