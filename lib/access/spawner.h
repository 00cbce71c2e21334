// Starts the users' processes.  The service of sessions itself gives up root; what keeps it is a
// small process, forked before, that does nothing but ask auth who has logged in, fork again, and
// take on that user's identity.
#pragma once

#include "lib/access/login_inquiry.h"
#include "lib/access/session_service.h"
#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/daemon/root_helper.h"

namespace relais {

class Spawner {
  public:
    // Forks the helper.  Before anything waits in the event loop.
    explicit Spawner(const SessionService& service);

    // A process for the user of this login; the result is the control socket to it.  Whether there
    // is a process at its other end shows only there.
    [[nodiscard]] Result<UniqueFd> start(const LoginTicket& ticket);

    bool is_gone() const { return helper_.is_gone(); }

    // Ends this process when the helper has ended.
    [[nodiscard]] Task<void> watch() const { return helper_.watch(); }

  private:
    RootHelper helper_;
};

}  // namespace relais
