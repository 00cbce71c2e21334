#include "smtp/proxied_tls.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/deliver/tlsproxy_session.h"
#include "lib/ipc/tlsproxy.h"
#include "lib/ipc/tlsproxy_client.h"

namespace relais::smtp_client {

namespace {

// For a service on this machine, before the handshake.
constexpr auto kStepWait = std::chrono::seconds(10);

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
    describe_connection(list, std::move(options), session.host());
    list.nexthop = std::move(nexthop);
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
    session->tls = tls_info_of(*context, level);
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
    session.tls = tls_info_of(*context, session.tls_policy.level);
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
