// Removes files on helper threads.  While a file system commits its journal, a removal may take
// milliseconds, and the queue manager has one loop for all mail.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/event/sync.h"
#include "lib/event/task_group.h"

namespace relais::qmgr {

class Remover {
  public:
    // Returns when the file is gone, or with the error (errno).
    [[nodiscard]] Task<int> remove(std::string path);

    // Returns when nothing is left to remove.
    [[nodiscard]] Task<void> close() { return workers_.join(); }

  private:
    struct Request {
        std::string path;
        int error = 0;
        Flag done;
    };

    [[nodiscard]] Task<void> work();

    std::vector<std::shared_ptr<Request>> waiting_;
    std::size_t working_ = 0;
    TaskGroup workers_;
};

}  // namespace relais::qmgr
