// What sessions share: see the header.
#include "smtpd/site.h"

#include <algorithm>
#include <array>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/tls/tls_settings.h"

#include "smtpd/missing_features.h"
#include "smtpd/notice.h"
#include "smtpd/session.h"

namespace relais::smtpd {
namespace {

// How long the auth server may take to connect, to greet and to answer.
constexpr auto kAuthTimeout = std::chrono::seconds(10);

struct KeywordName {
    std::string_view name;
    unsigned bit;
};

constexpr std::array<KeywordName, 12> kKeywords = {{
    {"pipelining", kEhloPipelining},
    {"size", kEhloSize},
    {"vrfy", kEhloVrfy},
    {"etrn", kEhloEtrn},
    {"starttls", kEhloStarttls},
    {"auth", kEhloAuth},
    {"enhancedstatuscodes", kEhloEnhancedStatusCodes},
    {"8bitmime", kEhlo8bitmime},
    {"dsn", kEhloDsn},
    {"smtputf8", kEhloSmtputf8},
    {"chunking", kEhloChunking},
    {"silent-discard", kEhloSilentDiscard},
}};

MatchList networks(std::string_view parameter) {
    return {std::string(parameter), conf().text_value(parameter), MatchList::Kind::kNetwork,
            parent_style(parameter)};
}

MatchList strings(std::string_view parameter) {
    return {std::string(parameter), conf().text_value(parameter), MatchList::Kind::kString};
}

TableSet tables_of(std::string_view parameter) {
    return {std::string(parameter), conf().text_value(parameter)};
}

RestrictionList restriction_list(std::string_view parameter) {
    return {std::string(parameter), conf().text_value(parameter)};
}

smtp::BareNewline bare_newline_setting() {
    const auto& value = conf().smtpd_forbid_bare_newline();
    if (iequals(value, "no")) {
        return smtp::BareNewline::kAccept;
    }
    if (iequals(value, "yes") || iequals(value, "normalize") || iequals(value, "note")) {
        return smtp::BareNewline::kNormalize;
    }
    if (iequals(value, "reject")) {
        return smtp::BareNewline::kReject;
    }
    log_fatal("bad parameter value: 'smtpd_forbid_bare_newline = {}'", value);
}

bool any_client_limit() {
    const auto& c = conf();
    return c.smtpd_client_connection_count_limit() > 0 ||
           c.smtpd_client_connection_rate_limit() > 0 || c.smtpd_client_message_rate_limit() > 0 ||
           c.smtpd_client_recipient_rate_limit() > 0 || c.smtpd_client_auth_rate_limit() > 0 ||
           c.smtpd_client_new_tls_session_rate_limit() > 0 ||
           (c.smtpd_sasl_auth_enable() && c.auth_client_failure_limit() > 0);
}

}  // namespace

unsigned parse_ehlo_keywords(std::string_view text) {
    unsigned set = 0;
    for (const auto word : split_words(text, ", \t\r\n")) {
        const auto* known = std::ranges::find_if(
            kKeywords, [word](const KeywordName& k) { return iequals(k.name, word); });
        if (known == kKeywords.end()) {
            log_warning("unknown EHLO keyword \"{}\" in \"{}\"", word, text);
        } else {
            set |= known->bit;
        }
    }
    return set;
}

std::string format_ehlo_keywords(unsigned keywords) {
    std::string out;
    for (const auto& keyword : kKeywords) {
        if ((keywords & keyword.bit) != 0 && keyword.bit != kEhloSilentDiscard) {
            out += out.empty() ? "" : " ";
            out += uppercase(keyword.name);
        }
    }
    return out;
}

// A class whose restrictions are nowhere would let everything pass.
static void require_class_definitions() {
    for (auto name : split_words(conf().smtpd_restriction_classes(), ", \t\r\n")) {
        if (conf().find(name).value_or("").empty()) {
            log_fatal("restriction class `{}' needs a definition", name);
        }
    }
}

Site::Site()
    : service_name(process_info().service_name),
      banner(conf().smtpd_banner()),
      hostname(conf().myhostname()),
      bare_newline(bare_newline_setting()),
      discarded_keywords(parse_ehlo_keywords(conf().smtpd_discard_ehlo_keywords())),
      notices(parse_notice_classes(conf().notify_classes())),
      addresses(conf()),
      dns(std::make_unique<Resolver>()) {
    refuse_missing_features();
    open_lists();
    require_class_definitions();
    open_restrictions();
    open_tls();
    open_auth();
    if (any_client_limit()) {
        anvil = std::make_unique<AnvilClient>("private/anvil", conf().ipc_timeout());
        login_failures =
            std::make_unique<LoginFailures>(*anvil, conf().auth_client_failure_limit());
    }
}

void Site::open_lists() {
    clients.own_networks = networks("mynetworks");
    clients.without_limits = networks("smtpd_client_event_limit_exceptions");
    clients.without_login_limit = networks("auth_client_limit_exceptions");
    clients.xclient = networks("smtpd_authorized_xclient_hosts");
    clients.xforward = networks("smtpd_authorized_xforward_hosts");
    clients.without_auth = networks("smtpd_sasl_exceptions_networks");
    clients.bare_newlines = networks("smtpd_forbid_bare_newline_exclusions");
    clients.forbidden_commands = strings("smtpd_forbidden_commands");
    clients.noop_commands = strings("smtpd_noop_commands");
    clients.auth_mechanisms = strings("smtpd_sasl_mechanism_filter");
    tables.local = tables_of("local_recipient_maps");
    tables.virtual_mailbox = tables_of("virtual_mailbox_maps");
    tables.relay = tables_of("relay_recipient_maps");
    tables.virtual_alias = tables_of("virtual_alias_maps");
    tables.canonical = tables_of("canonical_maps");
    tables.recipient_canonical = tables_of("recipient_canonical_maps");
    tables.sender_canonical = tables_of("sender_canonical_maps");
    std::string references;
    for (const auto word : split_words(conf().local_header_rewrite_clients(), ", \t\r\n")) {
        if (word.find(':') != std::string_view::npos) {
            references += std::string(word) + " ";
        }
    }
    local_clients = {"local_header_rewrite_clients", references};
    ehlo_keyword_maps = tables_of("smtpd_discard_ehlo_keyword_address_maps");
}

void Site::open_restrictions() {
    restrictions.client = restriction_list("smtpd_client_restrictions");
    restrictions.helo = restriction_list("smtpd_helo_restrictions");
    restrictions.sender = restriction_list("smtpd_sender_restrictions");
    restrictions.relay = restriction_list("smtpd_relay_restrictions");
    restrictions.recipient = restriction_list("smtpd_recipient_restrictions");
    restrictions.data = restriction_list("smtpd_data_restrictions");
    restrictions.end_of_data = restriction_list("smtpd_end_of_data_restrictions");
    restrictions.etrn = restriction_list("smtpd_etrn_restrictions");
    if (process_info().has_master && !restrictions.relay.guards_relay() &&
        !restrictions.recipient.guards_relay()) {
        log_fatal(
            "in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at "
            "least one working instance of: reject_unauth_destination, defer_unauth_destination, "
            "reject, defer, defer_if_permit or check_relay_domains");
    }
}

void Site::open_tls() {
    wrapper_mode = conf().smtpd_tls_wrappermode();
    tls_level = tls_level_setting(conf(), "smtpd");
    if (wrapper_mode && tls_level == TlsLevel::kNone) {
        tls_level = TlsLevel::kEncrypt;
    }
    if (tls_level == TlsLevel::kNone || !process_info().has_master) {
        return;
    }
    const bool mandatory = tls_level >= TlsLevel::kEncrypt || wrapper_mode;
    client_certificate_required = conf().smtpd_tls_req_ccert() && mandatory;
    if (conf().smtpd_tls_req_ccert() && !mandatory) {
        log_warning("Can't require client certs unless TLS is required");
    }
    // Where it fails, the reason is in the log, and STARTTLS is answered with a 454.
    if (auto context = smtpd_tls_context(conf(), tls_level)) {
        tls = std::move(*context);
    }
}

void Site::open_auth() {
    if (!conf().smtpd_sasl_auth_enable() || !process_info().has_master) {
        return;
    }
    if (conf().smtpd_sasl_type() != "dovecot") {
        log_warning("unsupported SASL server implementation: {}; authentication is not offered",
                    conf().smtpd_sasl_type());
        return;
    }
    auth = std::make_unique<AuthClient>(conf().smtpd_sasl_path());
    auth->set_timeout(kAuthTimeout);
}

Task<bool> Site::is_local_client(Session& session) const {
    for (const auto word : split_words(conf().local_header_rewrite_clients(), ", \t\r\n")) {
        bool local = false;
        if (word == "permit_inet_interfaces") {
            local = std::ranges::any_of(conf().own_addresses(), [&](const InterfaceAddress& own) {
                return address_text(own) == session.client.address;
            });
        } else if (word == "permit_mynetworks") {
            const auto match =
                co_await clients.own_networks.match(session.client.name, session.client.address);
            local = match == Match::kYes;
        } else if (word == "permit_sasl_authenticated") {
            local = session.login.authenticated();
        } else if (word.find(':') != std::string_view::npos) {
            const auto found = co_await local_clients.lookup(session.client.address);
            local = found.is_found();
        } else if (word != "check_address_map" && word != "permit_tls_clientcerts" &&
                   word != "permit_tls_all_clientcerts") {
            log_warning("parameter local_header_rewrite_clients: invalid request: {}", word);
        }
        if (local) {
            co_return true;
        }
    }
    co_return false;
}

Task<void> Site::close() {
    if (auth) {
        co_await auth->close();
    }
}

}  // namespace relais::smtpd
