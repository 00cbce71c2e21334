#include "lib/tls/tls_settings.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("tls/settings: the security level and its older forms") {
    auto level = [](std::string_view text, std::string_view prefix) {
        return tls_level_setting(Config::from_text(text), prefix);
    };
    CHECK(level("smtpd_tls_security_level = may\n", "smtpd") == TlsLevel::kMay);
    CHECK(level("smtpd_tls_security_level = secure\n", "smtpd") == TlsLevel::kEncrypt);
    CHECK(level("smtpd_tls_security_level =\nsmtpd_use_tls = yes\n", "smtpd") == TlsLevel::kMay);
    CHECK(level("smtp_tls_security_level =\nsmtp_enforce_tls = yes\n", "smtp") ==
          TlsLevel::kVerify);
    CHECK(level("smtp_tls_security_level = fingerprint\n", "smtp") == TlsLevel::kFingerprint);
}

TEST_CASE("tls/settings: mandatory TLS has its own protocols and ciphers") {
    Config config = Config::from_text(
        "smtpd_tls_protocols = >=TLSv1.1\n"
        "smtpd_tls_mandatory_protocols = >=TLSv1.2\n"
        "smtpd_tls_mandatory_ciphers = high\n"
        "smtpd_tls_exclude_ciphers = RC4\n"
        "smtpd_tls_mandatory_exclude_ciphers = MD5\n"
        "smtpd_tls_req_ccert = yes\n"
        "smtpd_tls_cert_file = /etc/ssl/mx.pem\n"
        "smtpd_tls_loglevel = 1\n");
    auto may = tls_server_options(config, TlsLevel::kMay);
    CHECK(may.protocols == ">=TLSv1.1");
    CHECK(may.cipher_grade == "medium");
    CHECK(may.exclude_ciphers == "RC4");
    CHECK(may.client_certificate == TlsServerOptions::ClientCertificate::kNotAsked);
    CHECK(may.certificates.key_file == "/etc/ssl/mx.pem");
    CHECK(may.loglevel == TlsLogLevel::kRoutine);
    auto encrypt = tls_server_options(config, TlsLevel::kEncrypt);
    CHECK(encrypt.protocols == ">=TLSv1.2");
    CHECK(encrypt.cipher_grade == "high");
    CHECK(encrypt.exclude_ciphers == "RC4 MD5");
    CHECK(encrypt.client_certificate == TlsServerOptions::ClientCertificate::kRequired);
}

TEST_CASE("tls/settings: a server needs certificates, unless it says none") {
    Config without = Config::from_text("smtpd_tls_security_level = may\n");
    CHECK_FALSE(smtpd_tls_context(without, TlsLevel::kMay));
    Config none = Config::from_text("smtpd_tls_cert_file = none\n");
    CHECK(smtpd_tls_context(none, TlsLevel::kMay));
}

TEST_CASE("tls/settings: the client's options, for smtp and for lmtp") {
    Config config = Config::from_text(
        "smtp_tls_CAfile = /ca.pem\nlmtp_tls_CAfile = /lmtp-ca.pem\n"
        "smtp_tls_session_cache_timeout = 0\n");
    CHECK(tls_client_options(config, "smtp").ca_file == "/ca.pem");
    CHECK(tls_client_options(config, "smtp").session_timeout.count() == 0);
    CHECK(tls_client_options(config, "lmtp").ca_file == "/lmtp-ca.pem");
    CHECK(tls_client_options(config, "lmtp").session_timeout.count() == 3600);
}
