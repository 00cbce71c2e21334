// What a TLS endpoint is set up with, in the words of main.cf.  lib/tls/tls_settings.h fills these
// from the configuration; tests fill them by hand.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais {

// How much TLS a session must have, from least to most.
enum class TlsLevel {
    kNone,         // no TLS
    kMay,          // TLS if the other side offers it, plaintext otherwise
    kEncrypt,      // TLS with whomever
    kFingerprint,  // the certificate or its key must be one of a list
    kVerify,       // a trusted certificate with one of the wanted names
    kSecure,       // the same, with names that do not come from DNS
};

[[nodiscard]] std::optional<TlsLevel> parse_tls_level(std::string_view word);
[[nodiscard]] std::string_view tls_level_name(TlsLevel level);

// *_tls_loglevel: 0 to 4, or the words of Postfix.
enum class TlsLogLevel { kNone, kRoutine, kVerbose, kDump, kDumpAll };
[[nodiscard]] std::optional<TlsLogLevel> parse_tls_loglevel(std::string_view text);

struct TlsCertificateFiles {
    std::vector<std::string> chain_files;         // *_tls_chain_files: key, then certificates
    std::string cert_file, key_file;              // "RSA" in messages
    std::string dsa_cert_file, dsa_key_file;      // *_tls_dcert_file, *_tls_dkey_file
    std::string ecdsa_cert_file, ecdsa_key_file;  // *_tls_eccert_file, *_tls_eckey_file

    bool empty() const {
        return chain_files.empty() && cert_file.empty() && dsa_cert_file.empty() &&
               ecdsa_cert_file.empty();
    }
};

// The cipher lists behind the grades (tls_high_cipherlist and so on).
struct TlsCipherLists {
    std::string high = "aNULL:-aNULL:HIGH:@STRENGTH";
    std::string medium = "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH";
    std::string null = "eNULL:!aNULL";
};

// What both roles share.
struct TlsCommonOptions {
    TlsLogLevel loglevel = TlsLogLevel::kNone;
    TlsCertificateFiles certificates;
    std::string ca_file, ca_path;
    bool append_default_ca = false;  // tls_append_default_CA
    int verify_depth = 9;
    std::string fingerprint_digest = "sha256";
    TlsCipherLists cipher_lists;
    std::string auto_groups =
        "X25519 X448 prime256v1 secp384r1 secp521r1";  // tls_eecdh_auto_curves
    std::string ffdhe_groups;                          // tls_ffdhe_auto_groups
    std::string ssl_options;                           // tls_ssl_options
    std::string disable_workarounds;                   // tls_disable_workarounds
    std::chrono::seconds session_timeout{3600};        // 0: no resumption
};

struct TlsServerOptions : TlsCommonOptions {
    std::string protocols = ">=TLSv1";
    std::string cipher_grade = "medium";
    std::string exclude_ciphers;
    enum class ClientCertificate { kNotAsked, kAsked, kRequired };
    ClientCertificate client_certificate = ClientCertificate::kNotAsked;
    bool preempt_cipherlist = false;
};

struct TlsClientOptions : TlsCommonOptions {
    bool wildcard_matches_multiple_labels = true;
};

}  // namespace relais
