// Keeps the ticket keys of a TLS server the same in all processes of the service, so that a client
// can resume its session with any of them.  Runs beside the sessions (Daemon::background).
#pragma once

#include "lib/event/task.h"
#include "lib/tls/tls_context.h"

namespace relais {

// Asks tlsmgr for keys as long as the process lives.  While tlsmgr does not answer, the context
// goes on with the keys that it has.  `context` must outlive the task.
[[nodiscard]] Task<void> share_ticket_keys(TlsContext* context);

}  // namespace relais
