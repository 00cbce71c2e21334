// smtp_sasl_auth_cache_name: logins that a server refused for good (code 535), so that a wrong
// password is not tried until the provider locks the account.  The table is Postfix's: host and
// user as the key; time, password, status and reply as the value.
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "lib/maps/expiring_cache.h"

namespace relais::smtp_client {

struct RefusedLogin {
    std::time_t time = 0;
    std::string password;  // its digest
    std::string dsn;       // "5.7.8"
    std::string text;      // the reply
};

[[nodiscard]] std::optional<RefusedLogin> parse_refused_login(std::string_view value);

class RefusedLogins {
  public:
    // `map` is a table of proxymap(8), since many processes write it.
    RefusedLogins(const std::string& map, std::chrono::seconds keep);

    // The refusal of this login, where it is not too old.
    [[nodiscard]] Task<std::optional<RefusedLogin>> find(std::string host, std::string user,
                                                         std::string password);
    [[nodiscard]] Task<void> store(std::string host, std::string user, RefusedLogin login);

  private:
    ExpiringCache table_;
    std::chrono::seconds keep_;
};

}  // namespace relais::smtp_client
