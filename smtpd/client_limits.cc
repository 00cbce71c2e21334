// How much one client may do: the sessions, messages, recipients, logins and TLS handshakes that
// anvil counts over all processes, against smtpd_client_*_limit.
#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/ipc/anvil.h"
#include "lib/ipc/login_failures.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {

// True where the client has too many sessions: it has been told so.
Task<bool> Session::refuse_crowd() {
    if (!site.anvil || on_stdio_) {
        co_return false;
    }
    const auto excepted = co_await site.clients.without_limits.match(client.name, client.address);
    if (excepted == Match::kYes) {
        co_return false;
    }
    anvil_ident_ = AnvilClient::ident(
        site.service_name,
        client_network(client.address, {.ipv4 = conf().smtpd_client_ipv4_prefix_length(),
                                        .ipv6 = conf().smtpd_client_ipv6_prefix_length()}));
    // Postfix's anvil counts one session for each connection with it, which all of ours share.
    const int here = ++site.sessions_of[anvil_ident_];
    auto counts = co_await site.anvil->connect(anvil_ident_);
    if (!counts) {
        co_return false;
    }
    counts->count = std::max(counts->count, here);
    connections = counts->count;
    const int most = conf().smtpd_client_connection_count_limit();
    const int most_in_time = conf().smtpd_client_connection_rate_limit();
    if (most > 0 && counts->count > most) {
        log_warning("Connection concurrency limit exceeded: {} from {} for service {}",
                    counts->count, client.label, site.service_name);
    } else if (most_in_time > 0 && counts->rate > most_in_time) {
        log_warning("Connection rate limit exceeded: {} from {} for service {}", counts->rate,
                    client.label, site.service_name);
    } else {
        co_return false;
    }
    reply(
        format("421 4.7.0 {} Error: too many connections from {}", site.hostname, client.address));
    co_return true;
}

Task<void> Session::leave_anvil() {
    if (!anvil_ident_.empty() && site.anvil) {
        if (const auto own = site.sessions_of.find(anvil_ident_);
            own != site.sessions_of.end() && --own->second == 0) {
            site.sessions_of.erase(own);
        }
        co_await site.anvil->disconnect(anvil_ident_);
    }
}

Task<std::string> Session::over_rate_limit(RateCheck which) {
    struct Kind {
        AnvilEvent event;
        int limit;
        std::string_view log_text;
        std::string_view reply;
    };

    const auto kind = [which]() -> Kind {
        switch (which) {
            case RateCheck::kMessage:
                return {AnvilEvent::kMessage, conf().smtpd_client_message_rate_limit(),
                        "Message delivery request rate", "450 4.7.1 Error: too much mail from"};
            case RateCheck::kRecipient:
                return {AnvilEvent::kRecipient, conf().smtpd_client_recipient_rate_limit(),
                        "Recipient address rate", "450 4.7.1 Error: too many recipients from"};
            case RateCheck::kAuth:
                return {AnvilEvent::kAuth, conf().smtpd_client_auth_rate_limit(),
                        "AUTH command rate", "450 4.7.1 Error: too many AUTH commands from"};
            case RateCheck::kNewTls:
                break;
        }
        return {AnvilEvent::kNewTls, conf().smtpd_client_new_tls_session_rate_limit(),
                "New TLS session rate", "454 4.7.0 Error: too many new TLS sessions from"};
    }();
    if (anvil_ident_.empty() || kind.limit <= 0 || xclient_allowed) {
        co_return std::string();
    }
    const auto rate = co_await site.anvil->rate(kind.event, anvil_ident_);
    if (!rate || *rate <= kind.limit) {
        co_return std::string();
    }
    log_warning("{} limit exceeded: {} from {} for service {}", kind.log_text, *rate, client.label,
                site.service_name);
    co_return format("{} {}", kind.reply, client.address);
}

// Beside smtpd_client_auth_rate_limit: failures alone, in one count with imap-login's.
Task<LoginFailures::Attempt> Session::begin_login() {
    if (anvil_ident_.empty() || xclient_allowed) {
        co_return LoginFailures::Attempt();
    }
    const auto excepted =
        co_await site.clients.without_login_limit.match(client.name, client.address);
    if (excepted == Match::kYes) {
        co_return LoginFailures::Attempt();
    }
    auto attempt = co_await site.login_failures->begin(client.address);
    if (attempt.refused() > 0) {
        log_warning(
            "Login failure limit exceeded: {} from {} for service {} "
            "(auth_client_failure_limit = {})",
            attempt.refused(), client.label, site.service_name, conf().auth_client_failure_limit());
    }
    co_return attempt;
}

}  // namespace relais::smtpd
