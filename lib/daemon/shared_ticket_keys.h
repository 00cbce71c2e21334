// Keeps the ticket keys of a TLS server the same in all processes of the service, so that a client
// can resume its session with any of them.
#pragma once

#include "lib/event/sync.h"
#include "lib/event/task.h"
#include "lib/tls/tls_context.h"

namespace relais {

class SharedTicketKeys {
  public:
    // Asks tlsmgr for keys as long as the process lives, beside the sessions (Daemon::background).
    // While tlsmgr does not answer, the context goes on with the keys that it has.  `context` must
    // outlive the task.
    [[nodiscard]] Task<void> keep(TlsContext* context);

    // Waits, not for long, until tlsmgr was asked once: a ticket made before is good for this
    // process alone.
    [[nodiscard]] Task<void> ready();

  private:
    Flag asked_;
};

}  // namespace relais
