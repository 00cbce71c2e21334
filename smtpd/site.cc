// What sessions share: see the header.
#include "smtpd/site.h"

#include <algorithm>
#include <array>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/upstream_proxy.h"
#include "lib/rules/dns_reply_filter.h"
#include "lib/tls/tls_settings.h"

#include "smtpd/milters.h"
#include "smtpd/notice.h"
#include "smtpd/queue_space.h"
#include "smtpd/session.h"

namespace relais::smtpd {
namespace {

// How long the auth server may take to connect, to greet and to answer.
constexpr auto kAuthTimeout = std::chrono::seconds(10);

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

smtp::BareNewline bare_newline_setting() {
    const auto& value = conf().smtpd_forbid_bare_newline();
    if (iequals(value, "no")) {
        return smtp::BareNewline::kAccept;
    }
    if (iequals(value, "yes") || iequals(value, "normalize")) {
        return smtp::BareNewline::kNormalize;
    }
    if (iequals(value, "note")) {
        return smtp::BareNewline::kNote;
    }
    if (iequals(value, "reject")) {
        return smtp::BareNewline::kReject;
    }
    log_fatal("bad parameter value: 'smtpd_forbid_bare_newline = {}'", value);
}

SaslSecurity security_setting(const std::string& text) {
    auto options = SaslSecurity::parse(text);
    if (!options) {
        log_warning("{}", options.error().message);
        log_fatal("SASL per-connection initialization failed");
    }
    return *options;
}

bool any_client_limit() {
    const auto& c = conf();
    return c.smtpd_client_connection_count_limit() > 0 ||
           c.smtpd_client_connection_rate_limit() > 0 || c.smtpd_client_message_rate_limit() > 0 ||
           c.smtpd_client_recipient_rate_limit() > 0 || c.smtpd_client_auth_rate_limit() > 0 ||
           c.smtpd_client_new_tls_session_rate_limit() > 0 ||
           (c.smtpd_sasl_auth_enable() && c.auth_client_failure_limit() > 0);
}

// Space for less than kSpaceFactor messages is too little whatever the parameter says.
void warn_of_little_space(const Config& config) {
    const auto least = static_cast<double>(config.queue_minfree());
    const auto message = static_cast<double>(config.message_size_limit());
    if (least > 0 && message > 0 && least / kSpaceFactor < message) {
        log_warning("queue_minfree({:.0f}) should be at least {}*message_size_limit({:.0f})", least,
                    kSpaceFactor, message);
    }
}

}  // namespace

Site::Site()
    : service_name(process_info().service_name),
      banner(conf().smtpd_banner()),
      hostname(conf().myhostname()),
      bare_newline(bare_newline_setting()),
      discarded_keywords(parse_ehlo_keywords(conf().smtpd_discard_ehlo_keywords())),
      notices(parse_notice_classes(conf().notify_classes())),
      addresses(conf()),
      dns(std::make_unique<Resolver>()) {
    check_upstream_proxy_protocol("smtpd_upstream_proxy_protocol",
                                  conf().smtpd_upstream_proxy_protocol());
    warn_of_little_space(conf());
    open_auth();
    open_tls();  // before a table's client library can start OpenSSL
    open_backends();
    open_lists();
    open_addresses();
    open_dns();
    open_restrictions();
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
    clients.verp = networks("smtpd_authorized_verp_clients");
    clients.without_auth = networks("smtpd_sasl_exceptions_networks");
    clients.bare_newlines = networks("smtpd_forbid_bare_newline_exclusions");
    clients.forbidden_commands = strings("smtpd_forbidden_commands");
    clients.noop_commands = strings("smtpd_noop_commands");
    clients.auth_mechanisms = strings("smtpd_sasl_mechanism_filter");
    clients.backup_networks = networks("permit_mx_backup_networks");
    tables.local = tables_of("local_recipient_maps");
    tables.virtual_mailbox = tables_of("virtual_mailbox_maps");
    tables.relay = tables_of("relay_recipient_maps");
    tables.virtual_alias = tables_of("virtual_alias_maps");
    tables.canonical = tables_of("canonical_maps");
    tables.recipient_canonical = tables_of("recipient_canonical_maps");
    tables.sender_canonical = tables_of("sender_canonical_maps");
    tables.sender_logins = tables_of("smtpd_sender_login_maps");
    rbl_replies = tables_of("rbl_reply_maps");
    relay_certificates = tables_of("relay_clientcerts");
    std::string references;
    for (const auto word : split_words(conf().local_header_rewrite_clients(), ", \t\r\n")) {
        if (word.find(':') != std::string_view::npos) {
            references += std::string(word) + " ";
        }
    }
    local_clients = {"local_header_rewrite_clients", references};
    command_filter = tables_of("smtpd_command_filter");
    dns_filter = tables_of("smtpd_dns_reply_filter");
    reject_filter = tables_of("smtpd_reject_filter_maps");
    reject_footers = tables_of("smtpd_reject_footer_maps");
    clients.logged_permits = strings("smtpd_log_access_permit_actions");
    ehlo_keyword_maps = tables_of("smtpd_discard_ehlo_keyword_address_maps");
    milter_maps = tables_of("smtpd_milter_maps");
    milters = milter_site();
}

void Site::open_addresses() {
    if (!process_info().has_master) {
        return;
    }
    direct_resolver_ = DirectResolver::make(DirectResolver::Lifetime::kBounded);
    if (direct_resolver_) {
        addresses.use_shortcut([this](const std::string& sender, const std::string& address) {
            return direct_resolver_->resolve(sender, address);
        });
    }
}

void Site::open_restrictions() {
    const auto list = [this](std::string_view parameter, std::string_view default_check) {
        return RestrictionList(library, conf().text_value(parameter), default_check);
    };
    restrictions.client = list("smtpd_client_restrictions", "check_client_access");
    restrictions.helo = list("smtpd_helo_restrictions", "check_helo_access");
    restrictions.sender = list("smtpd_sender_restrictions", "check_sender_access");
    restrictions.relay = list("smtpd_relay_restrictions", "check_recipient_access");
    restrictions.recipient = list("smtpd_recipient_restrictions", "check_recipient_access");
    restrictions.data = list("smtpd_data_restrictions", "");
    restrictions.end_of_data = list("smtpd_end_of_data_restrictions", "");
    restrictions.etrn = list("smtpd_etrn_restrictions", "check_etrn_access");
    library.seal();
    if (process_info().has_master && !restrictions.recipient.guards_relay() &&
        !restrictions.relay.guards_relay()) {
        log_fatal(
            "in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at "
            "least one working instance of: reject_unauth_destination, defer_unauth_destination, "
            "reject, defer, defer_if_permit or check_relay_domains");
    }
}

void Site::open_dns() {
    if (!dns_filter.empty()) {
        hosts_ = std::make_unique<Resolver>();
        dns->set_filter(dns_reply_filter(&dns_filter));
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
    const auto options = tls_server_options(conf(), tls_level);
    renewed_certificates_ = std::make_unique<RenewedCertificates>(options.certificates);
    // Where it fails, the reason is in the log, and STARTTLS is answered with a 454.
    if (auto context = smtpd_tls_context(conf(), tls_level)) {
        tls = std::move(*context);
    }
}

Task<void> Site::refresh_certificates() {
    if (!renewed_certificates_) {
        co_return;
    }
    if (tls) {
        co_await renewed_certificates_->look(tls.get());
    } else if (!certificates_mended) {
        certificates_mended = co_await renewed_certificates_->have_changed();
    }
}

// Before keys and tables are opened: see cyrus_logins.h.
void Site::open_auth() {
    if (!conf().smtpd_sasl_auth_enable() || !process_info().has_master) {
        return;
    }
    sasl_security = security_setting(conf().smtpd_sasl_security_options());
    sasl_tls_security = security_setting(conf().smtpd_sasl_tls_security_options());
    if (conf().smtpd_sasl_type() == "cyrus") {
        cyrus = std::make_unique<CyrusLogins>();
    } else if (conf().smtpd_sasl_type() == "dovecot") {
        auth = std::make_unique<AuthClient>(conf().smtpd_sasl_path());
        auth->set_timeout(kAuthTimeout);
    } else {
        log_warning("unsupported SASL server implementation: {}", conf().smtpd_sasl_type());
        log_fatal("SASL per-process initialization failed");
    }
}

void Site::open_backends() {
    if (!conf().smtpd_sasl_proxy() || !has_logins()) {
        return;
    }
    if (auth) {
        backends = std::make_unique<ProxyBackends>();
    } else {
        log_warning("smtpd_sasl_proxy has no effect without smtpd_sasl_type = dovecot");
    }
}

Task<Lookup> Site::find_relay_certificate(const TlsInfo* client) const {
    for (const auto& fingerprint : {client->certificate_fingerprint, client->key_fingerprint}) {
        auto found = co_await relay_certificates.lookup(fingerprint);
        if (!found.is_missing()) {
            co_return std::move(found);
        }
    }
    co_return Lookup::not_found();
}

Task<bool> Site::is_local_client(Session& session) const {
    for (const auto word : split_words(conf().local_header_rewrite_clients(), ", \t\r\n")) {
        bool local = false;
        if (word == "permit_inet_interfaces") {
            local = is_own_address(session.client.address);
        } else if (word == "permit_mynetworks") {
            const auto match =
                co_await clients.own_networks.match(session.client.name, session.client.address);
            local = match == Match::kYes;
        } else if (word == "permit_sasl_authenticated") {
            local = session.login.authenticated();
        } else if (word == "permit_tls_clientcerts") {
            if (session.tls && session.tls->has_certificate()) {
                const auto found = co_await find_relay_certificate(session.tls.get());
                local = found.is_found();
            }
        } else if (word == "permit_tls_all_clientcerts") {
            local = session.tls && session.tls->trust >= TlsTrust::kTrusted;
        } else if (word.find(':') != std::string_view::npos) {
            const auto found = co_await local_clients.lookup(session.client.address);
            local = found.is_found();
        } else if (word != "check_address_map") {
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
    if (cyrus) {
        co_await cyrus->close();
    }
}

}  // namespace relais::smtpd
