#include "imapd/imap-login/site.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/socket.h"
#include "lib/tls/tls_settings.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kServiceTimeout{60};
constexpr std::size_t kMaxIdle = 20;

// The settings of smtpd, but for those that IMAP has of its own.
TlsServerOptions tls_options(TlsLevel level) {
    TlsServerOptions options = tls_server_options(conf(), level, "smtpd");
    options.certificates = {};
    options.certificates.cert_file = conf().imap_tls_cert_file();
    options.certificates.key_file = conf().imap_tls_key_file();
    for (std::string_view file : split_words(conf().imap_tls_chain_files(), ", \t\r\n")) {
        options.certificates.chain_files.emplace_back(file);
    }
    options.protocols = conf().imap_tls_protocols();
    options.client_certificate = TlsServerOptions::ClientCertificate::kNotAsked;
    if (auto loglevel = parse_tls_loglevel(conf().imap_tls_loglevel())) {
        options.loglevel = *loglevel;
    }
    return options;
}

}  // namespace

Site::Site()
    : auth_("private/" + conf().imap_auth_service_name()),
      imap_path_("private/" + conf().imap_service_name()) {
    auth_.set_timeout(kServiceTimeout);
    // Passwords go to it: not to whoever has put a socket in its place.
    auth_.set_maker(process_info().master);
    auto level = parse_tls_level(conf().imap_tls_security_level());
    if (!level) {
        log_fatal("imap_tls_security_level: \"{}\" is none of none, may, encrypt",
                  conf().imap_tls_security_level());
    }
    bool wrapper = conf().imap_tls_wrappermode();
    tls_required_ = *level >= TlsLevel::kEncrypt;
    if (*level == TlsLevel::kNone && !wrapper) {
        return;
    }
    TlsServerOptions options = tls_options(*level);
    if (options.certificates.empty()) {
        if (wrapper || tls_required_) {
            log_fatal("TLS is required, but imap_tls_cert_file is not set");
        }
        log_info("no certificate (imap_tls_cert_file): STARTTLS is not offered");
        return;
    }
    auto context = TlsContext::server(options);
    if (!context) {
        log_fatal("TLS: {}", context.error().message);
    }
    tls_ = std::move(*context);
}

Task<std::vector<std::string>> Site::mechanisms() {
    std::vector<std::string> names;
    auto offered = co_await auth_.mechanisms();
    if (!offered) {
        log_warning("auth: {}", offered.error().message);
        co_return names;
    }
    for (const AuthMechanism& mechanism : *offered) {
        if (!mechanism.private_use) {
            names.push_back(uppercase(mechanism.name));
        }
    }
    co_return names;
}

Task<Result<std::unique_ptr<Stream>>> Site::imap_connection() {
    if (!idle_.empty()) {
        std::unique_ptr<Stream> stream = std::move(idle_.back());
        idle_.pop_back();
        co_return stream;
    }
    // Whose connections these are is worth as much.
    auto fd = co_await connect_unix_made_by(process_info().master, imap_path_,
                                            Deadline::after(kServiceTimeout));
    if (!fd) {
        co_return fail_with(fd);
    }
    auto stream = std::make_unique<Stream>(std::move(*fd));
    stream->set_timeout(kServiceTimeout);
    co_return stream;
}

void Site::keep(std::unique_ptr<Stream> stream) {
    if (idle_.size() < kMaxIdle) {
        idle_.push_back(std::move(stream));
    }
}

Task<Result<void>> Site::hand_over(int fd, ImapHandoff handoff) {
    std::string list = handoff.serialize();
    std::string trouble;
    // An idle connection may be one to a service that was restarted, and a new one to a service
    // that is just about to be.
    int fresh_ones = 0;
    while (fresh_ones < 2) {
        fresh_ones += idle_.empty() ? 1 : 0;
        auto stream = co_await imap_connection();
        if (!stream) {
            co_return fail_with(stream);
        }
        try {
            auto sent = co_await send_imap_handoff(stream->get(), fd, list);
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

Task<void> Site::close() {
    idle_.clear();
    co_await auth_.close();
}

}  // namespace relais
