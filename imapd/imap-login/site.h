// What all sessions of the process share: the TLS context, the auth service, the imap service.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/event/stream.h"
#include "lib/ipc/imap_handoff.h"
#include "lib/sasl/auth_client.h"
#include "lib/tls/tls_context.h"

#include "imapd/imap-login/client_limits.h"

namespace relais {

class Site {
  public:
    // While the process may still read keys.
    Site();

    // Null where TLS is off or impossible.
    TlsContext* tls() { return tls_.get(); }

    bool tls_required() const { return tls_required_; }

    AuthClient& auth() { return auth_; }

    ClientLimits& limits() { return limits_; }

    // The mechanisms that auth offers and that we can carry; empty when auth cannot be asked.
    [[nodiscard]] Task<std::vector<std::string>> mechanisms();

    // Hands a connection over to the imap service.
    [[nodiscard]] Task<Result<void>> hand_over(int fd, ImapHandoff handoff);

    [[nodiscard]] Task<void> close();

  private:
    [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> imap_connection();
    void keep(std::unique_ptr<Stream> stream);

    std::unique_ptr<TlsContext> tls_;
    bool tls_required_ = false;
    AuthClient auth_;
    ClientLimits limits_;
    std::string imap_path_;
    std::deque<std::unique_ptr<Stream>> idle_;
};

}  // namespace relais
