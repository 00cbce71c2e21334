#include "imapd/lmtpd/site.h"

#include "lib/access/user.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/tls/tls_settings.h"

namespace relais::lmtpd {

namespace {

DeliveredTo delivered_to_setting() {
    const std::string& text = conf().lmtpd_delivery_address();
    if (text == "final") {
        return DeliveredTo::kFinal;
    }
    if (text == "original") {
        return DeliveredTo::kOriginal;
    }
    if (text != "none") {
        log_fatal("lmtpd_delivery_address: must be final, original or none, not \"{}\"", text);
    }
    return DeliveredTo::kNone;
}

}  // namespace

Site::Site() : spool_(conf().data_directory()), delivered_to_(delivered_to_setting()) {
    // The workers read them, and nobody sees what those complain of before there is mail.
    static_cast<void>(quota_settings());
    open_tls();
}

void Site::open_tls() {
    auto level = parse_tls_level(conf().lmtpd_tls_security_level());
    if (!level || *level > TlsLevel::kEncrypt) {
        log_fatal("lmtpd_tls_security_level: \"{}\" is none of none, may, encrypt",
                  conf().lmtpd_tls_security_level());
    }
    tls_required_ = *level == TlsLevel::kEncrypt;
    if (*level == TlsLevel::kNone) {
        return;
    }
    TlsServerOptions options = tls_server_options(conf(), *level, "smtpd");
    options.client_certificate = TlsServerOptions::ClientCertificate::kNotAsked;
    if (options.certificates.empty()) {
        if (tls_required_) {
            log_fatal("lmtpd_tls_security_level = encrypt, but there is no certificate");
        }
        return;
    }
    auto context = TlsContext::server(options);
    if (!context) {
        log_fatal("TLS: {}", context.error().message);
    }
    tls_ = std::move(*context);
}

}  // namespace relais::lmtpd
