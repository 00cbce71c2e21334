// Work that must stay out of a daemon's process, because it blocks, runs the code of others on
// secrets, or needs root: a helper is forked early, prepares, enters the jail (unless it needs
// root), and forks a worker for each socket that it is handed.
#pragma once

#include <functional>
#include <string>

#include "lib/base/result.h"
#include "lib/daemon/root_helper.h"

namespace relais {

class WorkerHelper {
  public:
    enum class Rights {
        kJailed,  // as the daemon will be
        kRoot,    // as it was started: for what root alone can look up
    };

    // `prepare` runs in the helper with all privileges; its text is what announcement() says, empty
    // where there can be no work.  `work` is the life of a worker, with its socket.  Before keys
    // and tables are opened, so that the helper has none; waits until it is prepared.
    WorkerHelper(const std::function<std::string()>& prepare,
                 const std::function<void(int fd)>& work, Rights rights = Rights::kJailed);

    // What the helper said; nothing where it failed, which is in the log.
    const std::string& announcement() const { return announcement_; }

    // The socket to a new worker.
    [[nodiscard]] Result<UniqueFd> start_worker() const;

    // No workers any more: this process should make room for another.
    bool is_gone() const { return helper_.is_gone(); }

    // Ends the process when the helper has ended.
    [[nodiscard]] Task<void> watch() const { return helper_.watch(); }

  private:
    RootHelper helper_;
    std::string announcement_;
};

}  // namespace relais
