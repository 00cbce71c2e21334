// How much TLS one server of a destination must have: the destination's policy, and what DNS and
// the domain's own policy say of this server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/deliver/dane.h"

#include "smtp/server_list.h"
#include "smtp/settings.h"
#include "smtp/tls_policy.h"
#include "smtp/tls_sites.h"

namespace relais::smtp_client {

// smtp_tls_dane_insecure_mx_policy: what TLSA records are worth where nobody signed the MX records.
enum class InsecureMx { kMay, kEncrypt, kDane };

class ServerPolicies {
  public:
    // All must outlive it.
    ServerPolicies(const Config& config, const Settings& settings, const TlsPolicies& policies,
                   Resolver& resolver);

    // What `policy` of the destination comes to for `server`, one of `list`.  The error is the
    // reason why it gets no mail; what is behind it is logged.  kTemporary: DNS does not know,
    // kNotFound: no DANE where there must be, kCorrupt: no usable records, kDenied: not one of the
    // domain's MTA-STS hosts, kSyntax: a bad setting, kSystem: a table does not answer.  `site` is
    // the destination as the request has it; `port` 0 stands for a socket in the file system.
    [[nodiscard]] Task<Result<TlsPolicy>> find(TlsPolicy policy, const ServerList* list,
                                               const ServerAddress* server, std::string site,
                                               std::uint16_t port) const;

    // True where a server may have more TLS than the destination's policy says.
    bool has_sites() const { return !sites_.empty(); }

  private:
    enum class Obstacle {
        kConfiguration,   // DANE cannot be used with these settings
        kDestination,     // the domain has not got what it takes
        kNoVerification,  // it has, but nothing to verify servers by
    };

    [[nodiscard]] Result<TlsPolicy> without_dane(TlsPolicy policy, Obstacle obstacle,
                                                 std::string reason) const;
    [[nodiscard]] std::string contradiction(const TlsPolicy& policy, const std::string& site) const;
    [[nodiscard]] Task<Result<TlsPolicy>> with_dane(TlsPolicy policy, const ServerList* list,
                                                    const ServerAddress* server,
                                                    std::uint16_t port) const;

    const Settings& settings_;
    const TlsPolicies& policies_;
    Resolver& resolver_;
    bool tell_records_;  // smtp_tls_loglevel from 2 on
    TlsSites sites_;
    InsecureMx insecure_mx_;
    InsecureHosts insecure_hosts_;
};

// RFC 8461 4.1: "mx.example.com" is that host, "*.example.com" any with one more label.
[[nodiscard]] bool mx_pattern_matches(std::string_view pattern, std::string_view host);

}  // namespace relais::smtp_client
