// What all sessions of the process share: lists and tables from main.cf, restrictions,
// certificates, and the connections with other services.  Made before the process enters its jail.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/access/proxy_backends.h"
#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/daemon/renewed_certificates.h"
#include "lib/daemon/shared_ticket_keys.h"
#include "lib/daemon/shared_tls_sessions.h"
#include "lib/daemon/sni_tables.h"
#include "lib/dns/resolver.h"
#include "lib/ipc/anvil.h"
#include "lib/ipc/login_failures.h"
#include "lib/ipc/receive_override.h"
#include "lib/ipc/rewriter.h"
#include "lib/maps/match_list.h"
#include "lib/maps/table_set.h"
#include "lib/rules/debug_peers.h"
#include "lib/rules/direct_resolver.h"
#include "lib/rules/local_domains.h"
#include "lib/sasl/auth_client.h"
#include "lib/smtp/data_decoder.h"
#include "lib/smtp/ehlo_keywords.h"
#include "lib/tls/tls_context.h"
#include "lib/tls/tls_info.h"

#include "smtpd/cyrus_logins.h"
#include "smtpd/milters.h"
#include "smtpd/restrictions.h"

namespace relais::smtpd {

class Session;

using enum smtp::EhloKeyword;
using smtp::format_ehlo_keywords;
using smtp::parse_ehlo_keywords;

struct ClientLists {
    MatchList own_networks;         // mynetworks
    MatchList without_limits;       // smtpd_client_event_limit_exceptions
    MatchList without_login_limit;  // auth_client_limit_exceptions
    MatchList xclient;              // smtpd_authorized_xclient_hosts
    MatchList xforward;             // smtpd_authorized_xforward_hosts
    MatchList verp;                 // smtpd_authorized_verp_clients
    MatchList without_auth;         // smtpd_sasl_exceptions_networks
    MatchList bare_newlines;        // smtpd_forbid_bare_newline_exclusions
    MatchList forbidden_commands;   // smtpd_forbidden_commands
    MatchList noop_commands;        // smtpd_noop_commands
    MatchList logged_permits;       // smtpd_log_access_permit_actions
    MatchList backup_networks;      // permit_mx_backup_networks
    MatchList auth_mechanisms;      // smtpd_sasl_mechanism_filter
    DebugPeers debugged;            // debug_peer_list
};

struct RestrictionLists {
    RestrictionList client, helo, sender, relay, recipient, data, end_of_data, etrn;
};

// Who is a known recipient (or sender).
struct RecipientTables {
    TableSet local, virtual_mailbox, relay;
    TableSet virtual_alias, canonical, recipient_canonical, sender_canonical;
    TableSet sender_logins;  // smtpd_sender_login_maps
};

class Site {
  public:
    Site();

    // Whether the client is one of those whose headers are completed and rewritten as local ones
    // (local_header_rewrite_clients).
    [[nodiscard]] Task<bool> is_local_client(Session& session) const;

    // What relay_clientcerts has for a client's certificate, or for its key.
    [[nodiscard]] Task<Lookup> find_relay_certificate(const TlsInfo* client) const;

    // True where clients can log in.
    bool has_logins() const { return auth != nullptr || cyrus != nullptr; }

    // For the names and addresses of hosts, which smtpd_dns_reply_filter is not about.
    Resolver* host_resolver() const { return hosts_ ? hosts_.get() : dns.get(); }

    // True where STARTTLS can be offered.
    bool offers_tls() const { return tls_level != TlsLevel::kNone && !wrapper_mode; }

    [[nodiscard]] Task<void> close();

    std::string service_name;  // for anvil and the log
    std::string banner, hostname;
    TlsLevel tls_level = TlsLevel::kNone;
    bool wrapper_mode = false;
    bool client_certificate_required = false;
    std::unique_ptr<TlsContext> tls;  // null: TLS is off or impossible
    SharedTicketKeys ticket_keys;
    SharedTlsSessions tls_sessions{"smtpd"};
    SniTables server_names;  // tls_server_sni_maps

    // At the beginning of a TLS session: uses certificates that were renewed since.
    [[nodiscard]] Task<void> refresh_certificates();

    // The certificates that kept this process from offering TLS have changed: another may do
    // better.
    bool certificates_mended = false;
    smtp::BareNewline bare_newline = smtp::BareNewline::kNormalize;
    unsigned discarded_keywords = 0;
    const ReceiveOverride receive_override = relais::receive_override();
    const std::string expansion_filter = unescape(conf().smtpd_expansion_filter());
    unsigned notices = 0;  // notify_classes: NoticeClass bits
    ClientLists clients;
    ParentStyle parents_in_access = parent_style("smtpd_access_maps");
    RestrictionLibrary library;
    RestrictionLists restrictions;
    RecipientTables tables;
    TableSet ehlo_keyword_maps;   // smtpd_discard_ehlo_keyword_address_maps
    TableSet local_clients;       // tables of local_header_rewrite_clients
    TableSet rbl_replies;         // rbl_reply_maps
    TableSet relay_certificates;  // relay_clientcerts
    TableSet command_filter;      // smtpd_command_filter
    TableSet milter_maps;         // smtpd_milter_maps
    MilterSite milters;
    TableSet dns_filter;      // smtpd_dns_reply_filter
    TableSet reject_filter;   // smtpd_reject_filter_maps
    TableSet reject_footers;  // smtpd_reject_footer_maps
    Rewriter addresses;
    LocalDomains local_domains;
    std::unique_ptr<AnvilClient> anvil;                // null: no limits
    std::unique_ptr<LoginFailures> login_failures;     // beside it
    std::unordered_map<std::string, int> sessions_of;  // in this process, by anvil's ident
    std::unique_ptr<CyrusLogins> cyrus;                // smtpd_sasl_type = cyrus
    std::unique_ptr<AuthClient> auth;                  // smtpd_sasl_type = dovecot
    std::unique_ptr<ProxyBackends> backends;           // smtpd_sasl_proxy
    SaslSecurity sasl_security, sasl_tls_security;
    std::unique_ptr<Resolver> dns;

  private:
    std::unique_ptr<RenewedCertificates> renewed_certificates_;
    std::unique_ptr<Resolver> hosts_;                  // set where `dns` has a filter
    std::unique_ptr<DirectResolver> direct_resolver_;  // for `addresses`

    void open_tls();
    void open_dns();
    void open_lists();
    void open_addresses();
    void open_restrictions();
    void open_auth();
    void open_backends();
};

}  // namespace relais::smtpd
