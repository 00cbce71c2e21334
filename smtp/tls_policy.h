// How much TLS a destination must have: smtp_tls_policy_maps, else the defaults of main.cf.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/config/config.h"
#include "lib/event/task.h"
#include "lib/maps/table_set.h"
#include "lib/tls/tls_options.h"

namespace relais::smtp_client {

struct TlsPolicy {
    TlsLevel level = TlsLevel::kNone;
    std::string protocols;
    std::string cipher_grade;
    std::string exclude_ciphers;
    std::string match;  // words of smtp_tls_verify_cert_match, or fingerprints
    std::string server_name;
    bool reuse_connections = false;
};

class TlsPolicies {
  public:
    // Opens the tables.  `prefix` is "smtp" or "lmtp".
    TlsPolicies(const Config& config, const std::string& prefix);

    // True when any destination may use TLS.
    bool may_use_tls() const { return default_level_ > TlsLevel::kNone || !maps_.empty(); }

    // `nexthop` as the request has it.  An error is a configuration problem that defers mail.
    [[nodiscard]] Task<Result<TlsPolicy>> find(std::string nexthop) const;

    // The policy of a map's value: "verify match=.example.com ciphers=high".  For tests, too.
    [[nodiscard]] Result<TlsPolicy> parse(std::string_view value, std::string_view key) const;

    bool note_offers() const { return note_offers_; }

    bool wrapper_mode() const { return wrapper_mode_; }

  private:
    [[nodiscard]] TlsPolicy defaults_for(TlsLevel level) const;
    [[nodiscard]] Result<void> set_attribute(TlsPolicy& policy, std::string_view name,
                                             std::string_view value) const;

    TableSet maps_;
    TlsLevel default_level_;
    std::string protocols_, mandatory_protocols_;
    std::string ciphers_, mandatory_ciphers_;
    std::string exclude_, mandatory_exclude_;
    std::string verify_match_, secure_match_, fingerprint_match_;
    std::string server_name_;
    bool reuse_connections_, note_offers_, wrapper_mode_;
};

}  // namespace relais::smtp_client
