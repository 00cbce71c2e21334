// What all sessions of the process share: the TLS context, the auth service, the service that
// sessions go to.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/access/client_limits.h"
#include "lib/access/login_settings.h"
#include "lib/access/proxy_backends.h"
#include "lib/access/trusted_proxies.h"
#include "lib/event/stream.h"
#include "lib/ipc/session_handoff.h"
#include "lib/sasl/auth_client.h"
#include "lib/tls/tls_context.h"

namespace relais {

class LoginSite {
  public:
    // While the process may still read keys.
    explicit LoginSite(LoginSettings settings);

    const LoginSettings& settings() const { return settings_; }

    // Null where TLS is off or impossible.
    TlsContext* tls() { return tls_.get(); }

    bool tls_required() const { return tls_required_; }

    AuthClient& auth() { return auth_; }

    ClientLimits& limits() { return limits_; }

    // The machines of users whose mail is elsewhere.
    ProxyBackends& backends() { return backends_; }

    const TrustedProxies& trusted_proxies() const { return trusted_proxies_; }

    // The mechanisms that auth offers, names in capitals, with those for private use; empty when
    // auth cannot be asked.
    [[nodiscard]] Task<std::vector<AuthMechanism>> mechanisms();

    // Hands a connection over to the service that sessions go to.
    [[nodiscard]] Task<Result<void>> hand_over(int fd, SessionHandoff handoff);

    [[nodiscard]] Task<void> close();

  private:
    [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> session_connection();
    void keep(std::unique_ptr<Stream> stream);

    LoginSettings settings_;
    std::unique_ptr<TlsContext> tls_;
    bool tls_required_ = false;
    AuthClient auth_;
    ClientLimits limits_;
    ProxyBackends backends_;
    TrustedProxies trusted_proxies_;
    std::string session_path_;
    std::deque<std::unique_ptr<Stream>> idle_;
};

}  // namespace relais
