#include "lib/access/proxy_backends.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"
#include "lib/event/socket.h"
#include "lib/smtp/proxy_header.h"
#include "lib/tls/tls_session.h"
#include "lib/tls/tls_settings.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kBetweenAttempts{1};
// So long a machine may be away, for a restart, and its users wait for it.
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::seconds kLongestPause{30};
constexpr std::size_t kMostRemembered = 10000;

std::unique_ptr<TlsContext> client_context() {
    TlsClientOptions options = tls_client_options(conf(), "smtp");
    options.certificates = {};
    options.ca_file = conf().login_proxy_tls_CAfile();
    options.ca_path = conf().login_proxy_tls_CApath();
    auto context = TlsContext::client(options);
    if (!context) {
        log_warning("TLS to the machines of proxied users: {}", context.error().message);
        return nullptr;
    }
    return std::move(*context);
}

}  // namespace

ProxyBackends::ProxyBackends() : tls_(client_context()) {
}

Result<void> ProxyBackends::may_try(const std::string& name) {
    auto found = away_.find(name);
    auto now = std::chrono::steady_clock::now();
    if (found == away_.end() || now - found->second.since < kPatience) {
        return {};
    }
    Away& away = found->second;
    if (now < away.next) {
        return fail(Errc::kTemporary, "is away, and is not asked again yet");
    }
    away.pause = std::min(away.pause * 2, kLongestPause);
    away.next = now + away.pause;
    return {};
}

void ProxyBackends::note_failure(const std::string& name) {
    if (away_.size() >= kMostRemembered) {
        away_.clear();
    }
    auto now = std::chrono::steady_clock::now();
    away_.emplace(name, Away{now, now});
}

Task<Result<UniqueFd>> ProxyBackends::reach(const ProxyTarget* target, Deadline deadline) {
    std::string name = target->address.to_string();
    Result<UniqueFd> fd = fail(Errc::kTemporary, "");
    for (int attempt = 0; attempt <= conf().login_proxy_max_reconnects(); ++attempt) {
        auto allowed = may_try(name);
        if (!allowed) {
            co_return fail_with(allowed);
        }
        if (attempt > 0) {
            co_await sleep_for(kBetweenAttempts);
        }
        if (deadline.passed()) {
            break;
        }
        fd = co_await connect_tcp(target->address, deadline);
        if (fd) {
            away_.erase(name);
            co_return fd;
        }
        note_failure(name);
    }
    co_return fd;
}

Task<Result<std::unique_ptr<Stream>>> ProxyBackends::connect(ProxyTarget target,
                                                             ProxiedClient client) {
    Deadline deadline = Deadline::after(target.timeout);
    auto fd = co_await reach(&target, deadline);
    if (!fd) {
        co_return fail_with(fd);
    }
    auto stream = std::make_unique<Stream>(std::move(*fd));
    stream->set_timeout(target.timeout);
    stream->set_deadline(deadline);
    if (target.wants_header) {
        stream->write(smtp::make_proxy_header(client.remote, client.local));
        co_await stream->flush();
    }
    if (target.tls == ProxyTarget::Tls::kFromTheStart) {
        auto secured = co_await start_tls(stream.get(), &target);
        if (!secured) {
            co_return fail_with(secured);
        }
    }
    co_return stream;
}

Task<Result<void>> ProxyBackends::start_tls(Stream* stream, const ProxyTarget* target) {
    if (!tls_) {
        co_return fail(Errc::kTemporary, "TLS is not possible");
    }
    bool verified = target->certificate == ProxyTarget::Certificate::kVerified;
    TlsConnectOptions options;
    options.tells_result = false;
    options.peer = target->name();
    options.server_name = SocketAddress::parse(target->host, 0) ? "" : target->host;
    options.level = verified ? TlsLevel::kSecure : TlsLevel::kEncrypt;
    if (verified) {
        options.match.push_back(target->host);
    }
    options.protocols = ">=TLSv1.2";
    options.timeout = stream->timeout();
    auto info = co_await tls_connect(stream, tls_.get(), std::move(options));
    if (!info) {
        co_return fail_with(info);
    }
    if (!info->satisfied) {
        co_return fail(Errc::kDenied,
                       format("the certificate is not that of {}{}{}", printable(target->host),
                              info->verify_error.empty() ? "" : ": ", info->verify_error));
    }
    co_return Result<void>();
}

}  // namespace relais
