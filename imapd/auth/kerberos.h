// GSSAPI: Kerberos' library, under Cyrus SASL's plug-in, in processes of its own, as smtpd has it
// (lib/sasl/cyrus_server.h).
#pragma once

#include <map>
#include <memory>

#include "lib/daemon/worker_helper.h"
#include "lib/sasl/auth_server.h"
#include "lib/sasl/cyrus_workers.h"

namespace relais {

class Kerberos {
  public:
    // Starts the helper that loads the library; while the process has all rights.
    Kerberos();

    // Whether the library has the mechanism.
    bool is_usable() const { return helper_.announcement() == "GSSAPI"; }

    [[nodiscard]] Task<Result<CyrusWorkers::Lease>> take() { return workers_.take(); }

    [[nodiscard]] Task<void> watch() const { return helper_.watch(); }

  private:
    WorkerHelper helper_;
    CyrusWorkers workers_;
};

// The logins of one client process, by their requests' numbers.
class KerberosLogins {
  public:
    // The client's response in `asked`: what the mechanism makes of it.
    [[nodiscard]] Task<SaslStep> step(Kerberos* kerberos, AuthCheck asked);

    void forget(std::uint32_t id) { logins_.erase(id); }

  private:
    struct Login {
        explicit Login(CyrusWorkers::Lease taken)
            : lease(std::move(taken)), exchange(lease.client()) {}

        CyrusWorkers::Lease lease;
        AuthExchange exchange;
    };

    std::map<std::uint32_t, std::unique_ptr<Login>> logins_;
};

}  // namespace relais
