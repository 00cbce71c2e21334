// check_policy_service: what a policy server says about all that is known of the session.
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/dsn.h"

#include "smtpd/access_result.h"
#include "smtpd/policy_client.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"

namespace relais::smtpd {
namespace {

// Content in chunks begins as DATA does.
std::string_view state_of(const Session& session) {
    return session.where == "BDAT" ? std::string_view("DATA") : session.where;
}

// Restrictions at the earlier commands may see some of the recipients: no number to rely on.
int count_of(const Session& session, std::string_view state) {
    return state == "DATA" || state == "END-OF-MESSAGE" ? session.mail.recipients : 0;
}

void put_client(AttrWriter& out, const Session& session) {
    const auto& client = session.client;
    out.string("protocol_name", session.extended ? "ESMTP" : "SMTP")
        .string("client_address", client.address)
        .string("client_name", client.name)
        .string("client_port", client.port)
        .string("reverse_client_name", client.reverse_name)
        .string("server_address", session.server_address)
        .string("server_port", session.server_port)
        .string("helo_name", session.helo);
}

void put_message(AttrWriter& out, const Check& check, std::string_view state) {
    const auto& session = check.session;
    const auto& mail = session.mail;
    const auto size = mail.content_size > 0 ? mail.content_size : mail.announced_size;
    out.string("sender", check.sender())
        .string("recipient", session.logged_recipient.value_or(""))
        .number("recipient_count", count_of(session, state))
        .string("queue_id", mail.queue_id)
        .string("instance", mail.instance)
        .long_number("size", static_cast<std::int64_t>(size))
        .string("etrn_domain", session.etrn_domain);
}

void put_login(AttrWriter& out, const Session& session) {
    const auto sender = session.mail.parameters.auth.value_or("");
    out.string("sasl_method", session.login.method)
        .string("sasl_username", session.login.user)
        .string("sasl_sender", sender == "<>" ? "" : sender);
}

// A name in a certificate, which may hold anything: xtext, and only where somebody vouches for it.
std::string name_of(const TlsInfo& tls, const std::string& name) {
    return tls.trust >= TlsTrust::kTrusted ? xtext_encode(name) : std::string();
}

void put_tls(AttrWriter& out, const TlsInfo& tls) {
    out.string("ccert_subject", name_of(tls, tls.peer_cn))
        .string("ccert_issuer", name_of(tls, tls.issuer_cn))
        .string("ccert_fingerprint", tls.certificate_fingerprint)
        .string("ccert_pubkey_fingerprint", tls.key_fingerprint)
        .string("encryption_protocol", tls.protocol)
        .string("encryption_cipher", tls.cipher)
        .number("encryption_keysize", tls.cipher_bits_used);
}

std::string request_of(const Check& check, const std::string& context) {
    static const TlsInfo none;
    const auto& session = check.session;
    const auto state = state_of(session);
    AttrWriter out(AttrEncoding::kPlain);
    out.string("request", "smtpd_access_policy").string("protocol_state", state);
    put_client(out, session);
    put_message(out, check, state);
    out.string("stress", conf().stress());
    put_login(out, session);
    put_tls(out, session.tls ? *session.tls : none);
    out.string("policy_context", context)
        .string("compatibility_level", conf().compatibility_level())
        .string("mail_version", conf().mail_version())
        .end();
    return out.take();
}

// An answer that can be done.
bool is_sound(const PolicyClient& server, const std::string& action) {
    if (!conf().smtputf8_enable() || is_utf8(action)) {
        return true;
    }
    log_warning("malformed UTF-8 in policy server {} response: \"{}\"", server.settings().service,
                printable(action));
    return false;
}

}  // namespace

Task<Verdict> restrict_check_policy_service(Check& check, const RestrictionItem& item) {
    const auto server = item.policy;  // may outlive the list that names it
    auto action = co_await server->ask(request_of(check, server->settings().context));
    if (!action || !is_sound(*server, *action)) {
        action = server->settings().default_action;
    }
    const Judged judged{check.subject, check.subject_class};
    const AccessSource source{server->text(), "policy query"};
    co_return co_await apply_access_result(check, judged, source, std::move(*action));
}

}  // namespace relais::smtpd
