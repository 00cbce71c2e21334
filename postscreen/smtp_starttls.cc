// STARTTLS: tlsproxy(8) gets the connection, and what it hands on takes its place.
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/event/socket.h"
#include "lib/ipc/tlsproxy.h"

#include "postscreen/smtp_engine.h"

namespace relais::postscreen {

namespace {

constexpr auto kTlsproxyWait = std::chrono::seconds(10);

}  // namespace

Task<bool> SmtpEngine::engage_tlsproxy() {
    const auto limit = client_.site_.settings.command_time.normal;
    TlsproxyRequest request;
    request.peer = client_.label();
    request.flags = kTlsproxyServer;
    request.handshake_timeout = request.session_timeout = limit;
    request.server_id = "smtpd";
    auto proxy = co_await open_tlsproxy("private/" + conf().tlsproxy_service_name(),
                                        std::move(request), kTlsproxyWait);
    if (!proxy) {
        log_warning("{}", proxy.error().message);
        co_return false;
    }
    reply("220 2.0.0 Ready to start TLS");
    co_await stream_->flush();
    // What was sent ahead of the handshake never counts.  RFC 3207 section 4.2
    co_await (*proxy)->send_fd(stream_->fd());
    stream_ = std::move(*proxy);
    co_return true;
}

Task<SmtpEngine::After> SmtpEngine::start_tls() {
    wants_tls_ = false;
    has_tls_ = co_await engage_tlsproxy();
    if (!has_tls_) {
        co_return reply("454 4.7.0 TLS not available due to local problem");
    }
    helo_.clear();
    sender_.reset();
    co_return After::kGoOn;
}

}  // namespace relais::postscreen
