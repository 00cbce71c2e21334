// How much TLS a destination must have: smtp_tls_policy_maps, else the defaults of main.cf.  What
// one of its servers must have is in smtp/server_policy.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/config/config.h"
#include "lib/event/task.h"
#include "lib/maps/table_set.h"
#include "lib/tls/tls_options.h"

namespace relais::smtp_client {

// What a policy plug-in tells of the domain's own policy (MTA-STS, RFC 8461), for reports and to
// hold servers against it.
struct PublishedPolicy {
    std::string type;  // "sts", "no-policy-found"; empty: nothing is told
    std::string domain;
    std::vector<std::string> strings;
    std::vector<std::string> mx_patterns;  // "*.example.com" has one label for "*"
    std::string failure;                   // a result type of RFC 8460: no server will do
    long ttl = 0;                          // seconds; -1: not told
};

struct TlsPolicy {
    TlsLevel level = TlsLevel::kNone;
    std::string protocols;
    std::string cipher_grade;
    std::string exclude_ciphers;
    std::string match;  // words of smtp_tls_verify_cert_match, or fingerprints
    std::string server_name;
    bool reuse_connections = false;
    bool raw_keys = false;  // the server may show a bare key in place of a certificate

    std::vector<TlsaRecord> tlsa;         // the server's, or trust anchors
    std::vector<std::string> dane_names;  // the first one is asked for in the handshake
    PublishedPolicy published;
    std::vector<std::string> trust_anchor_files;  // tafile=

    // Which of the above are the table's, and do not follow the level.
    struct Own {
        std::optional<std::string> protocols, cipher_grade, exclude_ciphers;
    } own;
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

    // The same policy at another level, with the protocols and ciphers of that.
    [[nodiscard]] TlsPolicy at_level(TlsPolicy policy, TlsLevel level) const;

    bool note_offers() const { return note_offers_; }

    bool wrapper_mode() const { return wrapper_mode_; }

    // smtp_tls_block_early_mail_reply
    bool blocks_early_replies() const { return block_early_replies_; }

    // smtp_tls_enforce_sts_mx_patterns
    bool enforces_mx_patterns() const { return enforce_mx_patterns_; }

  private:
    [[nodiscard]] TlsPolicy defaults_for(TlsLevel level) const;
    [[nodiscard]] Result<void> read_attributes(TlsPolicy& policy, std::string_view text,
                                               std::string_view key) const;
    [[nodiscard]] Result<TlsPolicy> complete(TlsPolicy policy, std::string_view key) const;

    TableSet maps_;
    TlsLevel default_level_;
    std::string protocols_, mandatory_protocols_;
    std::string ciphers_, mandatory_ciphers_;
    std::string exclude_, mandatory_exclude_;
    std::string verify_match_, secure_match_, fingerprint_match_;
    std::string server_name_;
    std::string trust_anchor_file_;
    bool reuse_connections_, note_offers_, wrapper_mode_, raw_keys_, enforce_mx_patterns_;
    bool block_early_replies_;
};

// Sets what one attribute of a policy says.  `first` is true for the first "match=" of the policy,
// which replaces the default.  The error is Postfix's text.
[[nodiscard]] Result<void> set_policy_attribute(TlsPolicy& policy, std::string_view name,
                                                std::string_view value, bool first);

}  // namespace relais::smtp_client
