// tlsproxy(8): does TLS for processes that cannot do it themselves.  Called by postscreen over
// private/tlsproxy, with the connection of a client that said STARTTLS; from the handshake on, it
// translates between that connection and the caller.  Trusts its callers, who are of the suite, and
// nothing from the other side.  Reads the keys of smtpd before it gives up its privileges; touches
// no mail.
#include "lib/ipc/tlsproxy.h"

#include <memory>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/renewed_certificates.h"
#include "lib/daemon/shared_ticket_keys.h"
#include "lib/daemon/shared_tls_sessions.h"
#include "lib/daemon/sni_tables.h"
#include "lib/event/pump.h"
#include "lib/event/stream.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"
#include "lib/tls/tls_session.h"
#include "lib/tls/tls_settings.h"

#include "services/tlsproxy/client_role.h"

using namespace relais;
using namespace relais::tlsproxy;

namespace {

constexpr std::size_t kLongestRequest = 4096;
constexpr std::size_t kLongestClientList = std::size_t{1} << 18;
// How long the caller may take for each step before the handshake.
constexpr auto kStepWait = std::chrono::seconds(10);

class Tlsproxy : public Daemon {
  public:
    void before_jail() override;

    Task<void> background() override {
        TaskGroup both;
        both.spawn(sessions_.open());
        if (server_) {
            both.spawn(ticket_keys_.keep(server_.get()));
        }
        co_await both.join();
    }

    Task<void> serve(Connection connection) override;

    std::chrono::seconds watchdog_timeout() const override {
        return conf().tlsproxy_watchdog_timeout();
    }

  private:
    void open_server_role();
    [[nodiscard]] Task<void> serve_request(Stream* caller, const TlsproxyRequest* request);
    [[nodiscard]] Task<void> serve_as_server(Stream* caller, const TlsproxyRequest* request);
    [[nodiscard]] Task<void> serve_as_client(Stream* caller, const TlsproxyRequest* request);

    std::unique_ptr<TlsContext> server_;  // none: the server's role is not to be had
    SharedTicketKeys ticket_keys_;
    SharedTlsSessions sessions_{"smtpd"};
    SniTables server_names_;
    std::unique_ptr<RenewedCertificates> renewed_;
    ClientRole client_role_;
};

void Tlsproxy::before_jail() {
    client_role_.open_configured();
    open_server_role();
}

void Tlsproxy::open_server_role() {
    const auto level = tls_level_setting(conf(), "tlsproxy");
    if (level == TlsLevel::kNone) {
        return;
    }
    const auto options = tls_server_options(conf(), level, "tlsproxy");
    const bool needs_certificate =
        !iequals(conf().tlsproxy_tls_cert_file(), "none") ||
        options.client_certificate != TlsServerOptions::ClientCertificate::kNotAsked;
    if (options.certificates.empty() && needs_certificate) {
        log_warning("No server certs available. TLS can't be enabled");
        return;
    }
    renewed_ = std::make_unique<RenewedCertificates>(options.certificates);
    // Where it fails, the reason is in the log.
    if (auto context = TlsContext::server(options)) {
        server_ = std::move(*context);
    }
}

// Either end is the end of both: nobody is left to hear the other.
Task<void> translate(Stream* from, Stream* to, Flag* over) {
    co_await copy_to_end(from, to);
    over->set();
}

// Both directions until one of them ends.
Task<void> connect_both(Stream* caller, Stream* remote, const TlsproxyRequest* request) {
    remote->set_timeout(request->session_timeout);
    caller->set_timeout(request->session_timeout);
    Flag over;
    TaskGroup directions;
    directions.spawn(translate(caller, remote, &over));
    directions.spawn(translate(remote, caller, &over));
    co_await over.wait();
    co_await directions.close();
    if (!conf().tls_fast_shutdown_enable()) {
        co_await tls_end(remote, request->handshake_timeout);
    }
}

// The caller is told whether there is TLS for it.
void answer(Stream* caller, bool ready) {
    AttrWriter writer;
    writer.number("status", ready ? 1 : 0).end();
    caller->write(writer.bytes());
}

Task<void> Tlsproxy::serve_as_server(Stream* caller, const TlsproxyRequest* request) {
    answer(caller, server_ != nullptr);
    if (!server_) {
        co_await caller->flush();
        co_return;
    }
    Stream remote(co_await caller->receive_fd());
    co_await ticket_keys_.ready();
    co_await sessions_.ready();
    co_await renewed_->look(server_.get());
    TlsAcceptOptions options;
    if (!server_names_.empty()) {
        options.chain_for = [this](std::string name) {
            return server_names_.chain_for(std::move(name));
        };
    }
    options.peer = request->peer;
    options.service = request->server_id;
    options.sessions = &sessions_;
    options.session_service = request->server_id;
    options.timeout = request->handshake_timeout;
    const auto tls = co_await tls_accept(&remote, server_.get(), std::move(options));
    if (tls) {
        co_await connect_both(caller, &remote, request);
    }
}

Task<void> Tlsproxy::serve_as_client(Stream* caller, const TlsproxyRequest* request) {
    const auto attributes =
        co_await read_attributes(caller, AttrEncoding::kNul, kLongestClientList);
    const auto list = attributes ? parse_tlsproxy_client_list(*attributes)
                                 : Result<TlsproxyClientList>(fail_with(attributes));
    if (!list) {
        log_warning("receive client TLS settings: {}", list.error().message);
        co_return;
    }
    const auto context = client_role_.context_for(*list);
    answer(caller, context != nullptr);
    if (!context) {
        co_await caller->flush();
        co_return;
    }
    Stream remote(co_await caller->receive_fd());
    const auto result = co_await ClientRole::shake_hands(&remote, context.get(), &*list);
    if (result.empty()) {
        log_info("TLS handshake failed for service=smtp peer={}", printable(request->peer));
        co_return;
    }
    if ((request->flags & kTlsproxySendContext) != 0) {
        caller->write(result);
        co_await caller->flush();
    }
    co_await connect_both(caller, &remote, request);
}

Task<void> Tlsproxy::serve_request(Stream* caller, const TlsproxyRequest* request) {
    switch (request->flags & ~kTlsproxySendContext) {
        case kTlsproxyServer:
            co_await serve_as_server(caller, request);
            break;
        case kTlsproxyClient:
            co_await serve_as_client(caller, request);
            break;
        default:
            log_warning("tlsp_get_request_event: bad request flags: 0x{:x}", request->flags);
            answer(caller, false);
            co_await caller->flush();
    }
}

Task<void> Tlsproxy::serve(Connection connection) {
    Stream caller(std::move(connection.fd));
    caller.set_timeout(kStepWait);
    AttrWriter hello;
    hello.string("protocol", kTlsproxyProtocol).end();
    caller.write(hello.bytes());
    const auto attributes = co_await read_attributes(&caller, AttrEncoding::kNul, kLongestRequest);
    const auto request = attributes ? parse_tlsproxy_request(*attributes)
                                    : Result<TlsproxyRequest>(fail_with(attributes));
    if (!request) {
        if (attributes || attributes.error().code != Errc::kClosed) {
            log_warning("receive request attributes: {}", request.error().message);
        }
        co_return;
    }
    const auto peer = printable(request->peer);
    log_info("CONNECT {} {}", request->flags & kTlsproxyClient ? "to" : "from", peer);
    try {
        co_await serve_request(&caller, &*request);
    } catch (const IoError& error) {
        log_warning("receive remote SMTP peer file descriptor: {}", error.what());
    } catch (const TimedOut& error) {
        log_warning("receive remote SMTP peer file descriptor: {}", error.what());
    }
    log_info("DISCONNECT {}", peer);
}

}  // namespace

// Connections are handed over by its callers, who name files of certificates, too.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kRead, "$config_directory"},
              {Access::kRead, "$tlsproxy_tls_CApath"},
              {Access::kRead, "$tlsproxy_client_CApath"},
              {Access::kRead, "$smtp_tls_CApath"},
              {Access::kRead, "$smtp_tls_CAfile/"},
              {Access::kRead, "$smtp_tls_cert_file/"},
              {Access::kRead, "$smtp_tls_key_file/"},
              {Access::kRead, "$smtp_tls_chain_files/"},
              {Access::kRead, "$smtp_tls_trust_anchor_file/"},
              {Access::kRead, "$smtp_tls_eccert_file/"},
              {Access::kRead, "$smtp_tls_dcert_file/"},
              {Access::kRead, "$lmtp_tls_CApath"},
              {Access::kRead, "$lmtp_tls_CAfile/"},
              {Access::kRead, "$lmtp_tls_cert_file/"},
              {Access::kRead, "$lmtp_tls_key_file/"},
              {Access::kRead, "$lmtp_tls_chain_files/"},
              {Access::kRead, "@certificates"},
              {Access::kRead, "@names"}},
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "tlsproxy";
    traits.limit = ProcessLimit::kNone;
    traits.retirement = Retirement::kInBackground;
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<Tlsproxy>(); });
}
