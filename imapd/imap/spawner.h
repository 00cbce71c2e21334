// Starts the users' processes.  The imap service itself gives up root; what keeps it is a small
// process, forked before, that does nothing but fork again and take on the users' identities.
#pragma once

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

#include "imapd/imap/worker.h"

namespace relais {

class Spawner {
  public:
    // Forks the helper.  Before anything waits in the event loop.
    Spawner();

    // A process for this user; the result is the control socket to it.  Whether it could take on
    // the identity shows only there.
    [[nodiscard]] Result<UniqueFd> start(const WorkerIdentity& identity);

  private:
    UniqueFd channel_;
};

}  // namespace relais
