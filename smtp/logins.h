// Logging in to servers with name and password (smtp_sasl_auth_enable): who we are there, which
// mechanisms may be used, and the processes that know them.  Cyrus SASL's library reads what
// servers say and runs plug-ins, which may ask others, so it works in processes of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/daemon/worker_helper.h"
#include "lib/maps/match_list.h"
#include "lib/maps/table_set.h"
#include "lib/rules/address_lookup.h"
#include "lib/sasl/auth_mechanism.h"
#include "lib/sasl/cyrus_workers.h"

#include "smtp/refused_logins.h"

namespace relais::smtp_client {

struct Credentials {
    std::string user, password;
};

// For whom a server is asked.
struct LoginPurpose {
    std::string queue_id;
    std::string sender;
    std::string host;     // the server
    std::string nexthop;  // as the destination was written
};

class Logins {
  public:
    // Before the jail, and before keys are read.  `prefix` is "smtp" or "lmtp".  Ends the process
    // where the parameters cannot be used.
    explicit Logins(const std::string& prefix);

    // Nothing for a server where we have no name.  An error is a table's; it is logged.
    [[nodiscard]] Task<Result<std::optional<Credentials>>> find(LoginPurpose purpose) const;

    // The mechanisms of `offered` (AUTH's arguments in EHLO) that smtp_sasl_mechanism_filter lets
    // through.  An error is a table's; it is logged.
    [[nodiscard]] Task<Result<std::string>> filter(std::string offered) const;

    // Of those, the ones for tokens that smtp_sasl_mechanism_filter names: whoever names none of
    // them has a password, which is not to go out as a token.
    std::string for_tokens(std::string_view filtered) const;

    enum class Channel { kClear, kTls, kVerifiedTls };

    // What is demanded of mechanisms.
    unsigned security(Channel channel) const;

    [[nodiscard]] Task<Result<CyrusWorkers::Lease>> take() { return workers_.take(); }

    // Null: smtp_sasl_auth_cache_name is empty.
    RefusedLogins* refused() { return refused_.get(); }

    // smtp_sender_dependent_authentication: a session belongs to its sender.
    bool by_sender() const { return by_sender_; }

    bool soft_bounce() const { return soft_bounce_; }

    bool sends_mail_auth() const { return sends_mail_auth_; }

    // No logins any more: this process should make room for another.
    bool is_broken() const { return helper_.is_gone(); }

    [[nodiscard]] Task<void> close() { return workers_.close(); }

  private:
    [[nodiscard]] Task<Lookup> look_up(const LoginPurpose* purpose) const;

    std::string tables_;  // of passwords
    WorkerHelper helper_;
    CyrusWorkers workers_;
    TableSet passwords_;
    LocalDomains local_domains_;
    AddressLookup by_address_;
    MatchList mechanisms_;
    std::string named_mechanisms_;
    std::unique_ptr<RefusedLogins> refused_;
    char delimiter_;
    SaslSecurity clear_, tls_, verified_tls_;
    bool by_sender_, soft_bounce_, sends_mail_auth_;
};

// "name:password" as tables have it.
[[nodiscard]] Credentials parse_credentials(std::string_view text, char delimiter);

}  // namespace relais::smtp_client
