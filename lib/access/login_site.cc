#include "lib/access/login_site.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/upstream_proxy.h"
#include "lib/event/socket.h"
#include "lib/tls/tls_settings.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kServiceTimeout{60};
constexpr std::size_t kMaxIdle = 20;

// The settings of smtpd, but for those that mailbox services have of their own.
TlsServerOptions tls_options(TlsLevel level, const LoginSettings& settings) {
    TlsServerOptions options = tls_server_options(conf(), level, "smtpd");
    options.certificates = {};
    options.certificates.cert_file = settings.tls_cert_file;
    options.certificates.key_file = settings.tls_key_file;
    for (std::string_view file : split_words(settings.tls_chain_files, ", \t\r\n")) {
        options.certificates.chain_files.emplace_back(file);
    }
    options.protocols = settings.tls_protocols;
    options.client_certificate = settings.tls_ask_ccert
                                     ? TlsServerOptions::ClientCertificate::kAsked
                                     : TlsServerOptions::ClientCertificate::kNotAsked;
    options.ca_file = settings.tls_ca_file;
    if (auto loglevel = parse_tls_loglevel(settings.tls_loglevel)) {
        options.loglevel = *loglevel;
    }
    return options;
}

}  // namespace

LoginSite::LoginSite(LoginSettings settings)
    : settings_(std::move(settings)),
      auth_("private/" + settings_.auth_service),
      limits_(settings_),
      session_path_("private/" + settings_.session_service) {
    check_upstream_proxy_protocol(settings_.protocol + "_upstream_proxy_protocol",
                                  settings_.upstream_proxy_protocol);
    auth_.set_timeout(kServiceTimeout);
    // Passwords go to it: not to whoever has put a socket in its place.
    auth_.set_maker(process_info().master);
    auto level = parse_tls_level(settings_.tls_security_level);
    if (!level) {
        log_fatal("{}_tls_security_level: \"{}\" is none of none, may, encrypt", settings_.protocol,
                  settings_.tls_security_level);
    }
    bool wrapper = settings_.tls_wrappermode;
    tls_required_ = *level >= TlsLevel::kEncrypt;
    if (*level == TlsLevel::kNone && !wrapper) {
        return;
    }
    TlsServerOptions options = tls_options(*level, settings_);
    if (options.certificates.empty()) {
        if (wrapper || tls_required_) {
            log_fatal("TLS is required, but {}_tls_cert_file is not set", settings_.protocol);
        }
        log_info("no certificate ({}_tls_cert_file): TLS is not offered", settings_.protocol);
        return;
    }
    auto context = TlsContext::server(options);
    if (!context) {
        log_fatal("TLS: {}", context.error().message);
    }
    tls_ = std::move(*context);
}

Task<std::vector<AuthMechanism>> LoginSite::mechanisms() {
    auto offered = co_await auth_.mechanisms();
    if (!offered) {
        log_warning("auth: {}", offered.error().message);
        co_return std::vector<AuthMechanism>();
    }
    for (AuthMechanism& mechanism : *offered) {
        mechanism.name = uppercase(mechanism.name);
    }
    co_return std::move(*offered);
}

Task<Result<std::unique_ptr<Stream>>> LoginSite::session_connection() {
    if (!idle_.empty()) {
        std::unique_ptr<Stream> stream = std::move(idle_.back());
        idle_.pop_back();
        co_return stream;
    }
    // Whose connections these are is worth as much.
    auto fd = co_await connect_unix_made_by(process_info().master, session_path_,
                                            Deadline::after(kServiceTimeout));
    if (!fd) {
        co_return fail_with(fd);
    }
    auto stream = std::make_unique<Stream>(std::move(*fd));
    stream->set_timeout(kServiceTimeout);
    co_return stream;
}

void LoginSite::keep(std::unique_ptr<Stream> stream) {
    if (idle_.size() < kMaxIdle) {
        idle_.push_back(std::move(stream));
    }
}

Task<Result<void>> LoginSite::hand_over(int fd, SessionHandoff handoff) {
    std::string list = handoff.serialize();
    std::string trouble;
    // An idle connection may be one to a service that was restarted, and a new one to a service
    // that is just about to be.
    int fresh_ones = 0;
    while (fresh_ones < 2) {
        fresh_ones += idle_.empty() ? 1 : 0;
        auto stream = co_await session_connection();
        if (!stream) {
            co_return fail_with(stream);
        }
        try {
            auto sent = co_await send_handoff(stream->get(), fd, list);
            bool answered =
                sent || sent.error().code == Errc::kTemporary || sent.error().code == Errc::kDenied;
            if (answered) {
                keep(std::move(*stream));
                co_return sent;
            }
            trouble = sent.error().message;
        } catch (const IoError& error) {
            trouble = error.what();
        }
    }
    co_return fail(Errc::kClosed, trouble);
}

Task<void> LoginSite::close() {
    idle_.clear();
    co_await auth_.close();
}

}  // namespace relais
