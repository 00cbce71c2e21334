// What all sessions of the process share: lists and tables from main.cf, restrictions,
// certificates, and the connections with other services.  Made before the process enters its jail.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/daemon/shared_ticket_keys.h"
#include "lib/dns/resolver.h"
#include "lib/ipc/anvil.h"
#include "lib/ipc/login_failures.h"
#include "lib/ipc/rewriter.h"
#include "lib/maps/match_list.h"
#include "lib/maps/table_set.h"
#include "lib/rules/local_domains.h"
#include "lib/sasl/auth_client.h"
#include "lib/smtp/data_decoder.h"
#include "lib/tls/tls_context.h"

#include "smtpd/restrictions.h"

namespace relais::smtpd {

class Session;

// Keywords of the EHLO answer that can be left out.
enum EhloKeyword : unsigned {
    kEhloPipelining = 1,
    kEhloSize = 2,
    kEhloVrfy = 4,
    kEhloEtrn = 8,
    kEhloStarttls = 16,
    kEhloAuth = 32,
    kEhloEnhancedStatusCodes = 64,
    kEhlo8bitmime = 128,
    kEhloDsn = 256,
    kEhloSmtputf8 = 512,
    kEhloChunking = 1024,
    kEhloSilentDiscard = 2048,
};

// The set that smtpd_discard_ehlo_keywords names; words that are none are warned about.
[[nodiscard]] unsigned parse_ehlo_keywords(std::string_view text);
[[nodiscard]] std::string format_ehlo_keywords(unsigned keywords);

struct ClientLists {
    MatchList own_networks;         // mynetworks
    MatchList without_limits;       // smtpd_client_event_limit_exceptions
    MatchList without_login_limit;  // auth_client_limit_exceptions
    MatchList xclient;              // smtpd_authorized_xclient_hosts
    MatchList xforward;             // smtpd_authorized_xforward_hosts
    MatchList without_auth;         // smtpd_sasl_exceptions_networks
    MatchList bare_newlines;        // smtpd_forbid_bare_newline_exclusions
    MatchList forbidden_commands;   // smtpd_forbidden_commands
    MatchList noop_commands;        // smtpd_noop_commands
    MatchList auth_mechanisms;      // smtpd_sasl_mechanism_filter
};

struct RestrictionLists {
    RestrictionList client, helo, sender, relay, recipient, data, end_of_data, etrn;
};

// Who is a known recipient (or sender).
struct RecipientTables {
    TableSet local, virtual_mailbox, relay;
    TableSet virtual_alias, canonical, recipient_canonical, sender_canonical;
};

class Site {
  public:
    Site();

    // Whether the client is one of those whose headers are completed and rewritten as local ones
    // (local_header_rewrite_clients).
    [[nodiscard]] Task<bool> is_local_client(Session& session) const;

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
    smtp::BareNewline bare_newline = smtp::BareNewline::kNormalize;
    unsigned discarded_keywords = 0;
    unsigned notices = 0;  // notify_classes: NoticeClass bits
    ClientLists clients;
    RestrictionLists restrictions;
    RecipientTables tables;
    TableSet ehlo_keyword_maps;  // smtpd_discard_ehlo_keyword_address_maps
    TableSet local_clients;      // tables of local_header_rewrite_clients
    Rewriter addresses;
    LocalDomains local_domains;
    std::unique_ptr<AnvilClient> anvil;                // null: no limits
    std::unique_ptr<LoginFailures> login_failures;     // beside it
    std::unordered_map<std::string, int> sessions_of;  // in this process, by anvil's ident
    std::unique_ptr<AuthClient> auth;                  // null: no authentication
    std::unique_ptr<Resolver> dns;

  private:
    void open_tls();
    void open_lists();
    void open_restrictions();
    void open_auth();
};

}  // namespace relais::smtpd
