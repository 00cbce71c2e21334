// Logins with Cyrus SASL (smtpd_sasl_type = cyrus).  Its library blocks, runs plug-ins and sees
// passwords, so it is kept out of this process: a helper is forked before keys and tables are
// opened, loads the library, enters the jail, and forks a worker for each socket that it is handed.
#pragma once

#include <vector>

#include "lib/daemon/worker_helper.h"
#include "lib/sasl/cyrus_workers.h"

namespace relais::smtpd {

class CyrusLogins {
  public:
    // Starts the helper; before the jail.  Ends the process where the library cannot be used.
    CyrusLogins();

    // What can be used, before smtpd_sasl_security_options.
    [[nodiscard]] const std::vector<AuthMechanism>& mechanisms() const { return mechanisms_; }

    [[nodiscard]] Task<Result<CyrusWorkers::Lease>> take() { return workers_.take(); }

    // No logins any more: this process should make room for another.
    [[nodiscard]] bool is_broken() const { return helper_.is_gone(); }

    [[nodiscard]] Task<void> close() { return workers_.close(); }

  private:
    WorkerHelper helper_;
    std::vector<AuthMechanism> mechanisms_;
    CyrusWorkers workers_;
};

}  // namespace relais::smtpd
