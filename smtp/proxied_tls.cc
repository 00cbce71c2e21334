#include "smtp/proxied_tls.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/tlsproxy.h"
#include "lib/ipc/tlsproxy_client.h"

namespace relais::smtp_client {

namespace {

// Postfix's bits of a certificate.
constexpr std::uint32_t kPresent = 1, kTrusted = 4, kMatched = 8, kSecured = 16;

// For a service on this machine, before the handshake.
constexpr auto kStepWait = std::chrono::seconds(10);

TlsKey key_of(const TlsproxyKey& key) {
    return {key.name, key.curve, key.bits, key.digest};
}

// The level may be lower than the wanted one, where no TLSA record was of use.
TlsInfo info_of(const TlsproxyContext& context, TlsLevel level) {
    if (context.level > 0 && context.level <= static_cast<std::int32_t>(level)) {
        level = static_cast<TlsLevel>(context.level);
    }
    TlsInfo info;
    info.protocol = context.protocol;
    info.cipher = context.cipher;
    info.cipher_bits_used = context.cipher_bits_used;
    info.cipher_bits = context.cipher_bits;
    info.key_exchange = key_of(context.exchange);
    info.client_signature = key_of(context.client_signature);
    info.server_signature = key_of(context.server_signature);
    info.peer_cn = context.peer_cn;
    info.issuer_cn = context.issuer_cn;
    info.certificate_fingerprint = context.fingerprint;
    info.key_fingerprint = context.key_fingerprint;
    const auto has = [&](std::uint32_t bit) { return (context.status & bit) != 0; };
    info.trust = !has(kPresent)  ? TlsTrust::kAnonymous
                 : has(kSecured) ? TlsTrust::kVerified
                 : has(kTrusted) ? TlsTrust::kTrusted
                                 : TlsTrust::kUntrusted;
    info.level = level;
    info.satisfied = level <= TlsLevel::kEncrypt || has(kMatched);
    return info;
}

void log_tls(const Settings& settings, const Session& session, std::string_view what) {
    const auto loglevel = parse_tls_loglevel(conf().text_value(settings.prefix + "_tls_loglevel"));
    if (loglevel.value_or(TlsLogLevel::kNone) >= TlsLogLevel::kRoutine) {
        log_info("{} TLS connection {} to {}: {}", tls_trust_word(session.tls->trust), what,
                 session.name_with_port(), tls_description(*session.tls));
    }
}

std::string request_list(const Settings& settings, const Session& session,
                         TlsConnectOptions options, std::string nexthop) {
    TlsproxyClientList list = tlsproxy_settings(conf(), settings.prefix);
    list.timeout = static_cast<std::uint32_t>(settings.starttls_timeout.count());
    list.level = static_cast<std::int32_t>(options.level);
    list.peer = options.peer;
    list.server_name = std::move(options.server_name);
    list.server_id = std::move(options.session_key);
    list.protocols = std::move(options.protocols);
    list.cipher_grade = std::move(options.cipher_grade);
    list.exclude_ciphers = std::move(options.exclude_ciphers);
    list.match = std::move(options.match);
    list.dane = !options.tlsa.empty();
    list.dane_domain = list.server_name.empty() ? session.host() : list.server_name;
    for (TlsaRecord& record : options.tlsa) {
        list.dane_records.push_back(
            {record.usage, record.selector, record.matching, std::move(record.data)});
    }
    list.nexthop = std::move(nexthop);
    list.host = session.host();
    list.helo = session.capabilities.host();
    return format_tlsproxy_client_list(conf(), list);
}

TlsproxyRequest request_for(const Settings& settings, const Session& session) {
    TlsproxyRequest request;
    request.peer = format("[{}]:{}", session.address(), session.port());
    request.flags = kTlsproxyClient | kTlsproxySendContext;
    request.handshake_timeout = settings.starttls_timeout;
    request.session_timeout =
        std::max({settings.mail_timeout, settings.rcpt_timeout, settings.data_init_timeout,
                  settings.data_xfer_timeout, settings.data_done_timeout, settings.rset_timeout,
                  settings.quit_timeout});
    request.server_id = settings.service;
    return request;
}

// From here on the connection with the server is tlsproxy's.
Task<Result<TlsproxyContext>> hand_over(Stream* proxy, int fd) {
    std::string trouble;
    try {
        co_await proxy->send_fd(fd);
        const auto list = co_await read_attributes(proxy);
        if (list) {
            co_return parse_tlsproxy_context(*list);
        }
        trouble = list.error().message;
    } catch (const IoError& error) {
        trouble = error.what();
    } catch (const TimedOut& error) {
        trouble = error.what();
    }
    co_return fail(Errc::kTemporary, trouble);
}

}  // namespace

// Bare keys are not in what tlsproxy is told.
bool wants_proxied_tls(const TlsPolicy& policy) {
    return process_info().sessions == 1 && policy.reuse_connections && !policy.raw_keys &&
           policy.published.failure.empty();
}

Task<ProxiedTls> start_proxied_tls(const Settings* settings, Session* session,
                                   TlsConnectOptions options, std::string nexthop) {
    const TlsLevel level = options.level;
    std::string list = request_list(*settings, *session, std::move(options), std::move(nexthop));
    auto proxy = co_await open_tlsproxy(
        "private/" + conf().tlsproxy_service_name(), request_for(*settings, *session),
        std::min(kStepWait, settings->starttls_timeout), std::move(list));
    if (!proxy) {
        log_warning("TLS stays in this process: {}", proxy.error().message);
        co_return ProxiedTls::kAbsent;
    }
    (*proxy)->set_timeout(settings->starttls_timeout);
    auto context = co_await hand_over(proxy->get(), session->stream().fd());
    if (!context) {
        co_return ProxiedTls::kFailed;
    }
    session->go_on_with(std::move(*proxy));
    session->tls = info_of(*context, level);
    session->proxied_tls = format_tlsproxy_context(*context);
    log_tls(*settings, *session, "established");
    co_return ProxiedTls::kDone;
}

Result<void> restore_proxied_tls(Session& session, std::string text) {
    const AttrParse parsed = parse_attributes(text);
    if (parsed.status != AttrParse::Status::kComplete) {
        return fail(Errc::kCorrupt, "bad TLS properties of a kept connection");
    }
    const auto context = parse_tlsproxy_context(parsed.attributes);
    if (!context) {
        return fail_with(context);
    }
    session.tls = info_of(*context, session.tls_policy.level);
    session.proxied_tls = std::move(text);
    session.tls_policy.reuse_connections = true;
    return {};
}

void log_tls_reuse(const Settings& settings, const Session& session) {
    if (session.tls) {
        log_tls(settings, session, "reused");
    }
}

}  // namespace relais::smtp_client
