// The machine with a proxied user's mail, as its POP3 server is spoken to until he is logged in.
#pragma once

#include <string>

#include "lib/access/backend_login.h"

namespace relais {

class Pop3Backend {
  public:
    // All of them must outlive it.
    Pop3Backend(Stream& stream, ProxyBackends& backends, const ProxyTarget& target)
        : stream_(stream), backends_(backends), target_(target), lines_(stream) {}

    // Greeting, STLS, XCLIENT, and then the login.
    [[nodiscard]] Task<Result<BackendAnswer>> log_in(ProxiedClient client);

  private:
    // Sends a command; the answer's line, whether it is +OK or not.
    [[nodiscard]] Task<Result<std::string>> ask(std::string command);
    // The same where only +OK will do.
    [[nodiscard]] Task<Result<void>> need(std::string command);
    [[nodiscard]] Task<Result<std::string>> send_login();
    [[nodiscard]] Task<Result<std::string>> send_proof();

    Stream& stream_;
    ProxyBackends& backends_;
    const ProxyTarget& target_;
    BackendLines lines_;
};

}  // namespace relais
