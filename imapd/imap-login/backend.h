// The machine with a proxied user's mail, as its IMAP server is spoken to until he is logged in.
#pragma once

#include <string>
#include <string_view>

#include "lib/access/backend_login.h"

namespace relais {

class ImapBackend {
  public:
    // All of them must outlive it.
    ImapBackend(Stream& stream, ProxyBackends& backends, const ProxyTarget& target)
        : stream_(stream), backends_(backends), target_(target), lines_(stream) {}

    // Greeting, STARTTLS, ID, and then the login.
    [[nodiscard]] Task<Result<BackendAnswer>> log_in(ProxiedClient client);

  private:
    // The rest of the answer to the command with this tag, behind the tag.  Challenges are answered
    // with `response`, once, and then with `end`.
    [[nodiscard]] Task<Result<std::string>> answer_to(std::string_view tag,
                                                      std::string response = {},
                                                      std::string end = {});
    [[nodiscard]] Task<Result<void>> begin();
    [[nodiscard]] Task<Result<void>> learn_capabilities();
    void note_capabilities(std::string_view line);
    bool can(std::string_view capability) const;
    void tell_origin(const ProxiedClient& client);
    [[nodiscard]] Task<Result<std::string>> send_login();

    Stream& stream_;
    ProxyBackends& backends_;
    const ProxyTarget& target_;
    BackendLines lines_;
    std::string capabilities_;  // with a blank around each
};

}  // namespace relais
