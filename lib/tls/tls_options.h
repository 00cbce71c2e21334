// What a TLS endpoint is set up with, in the words of main.cf.  lib/tls/tls_settings.h fills these
// from the configuration; tests fill them by hand.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
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
    kHalfDane,     // as kDane, but who says that this is the server was not signed
    kDane,         // a certificate that TLSA records name
    kDaneOnly,     // the same; without usable records nobody will do
    kVerify,       // a trusted certificate with one of the wanted names
    kSecure,       // the same, with names that do not come from DNS
};

// A word of main.cf; kHalfDane has none.
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

    // What the files hold, by their names, where this process may not read them (any more).
    std::map<std::string, std::string> contents;

    // All that are set, each once.
    std::vector<std::string> names() const;

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
    bool library_usable = true;  // tls_config_file could be loaded
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
    std::string dh_file;                        // smtpd_tls_dh1024_param_file
    std::string ticket_cipher = "aes-256-cbc";  // tls_session_ticket_cipher; empty: no tickets
    bool always_issue_session_ids = true;
    bool chains_by_name = false;     // TlsAcceptOptions::chain_for will be given
    std::string raw_keys_parameter;  // smtpd_tls_enable_rpk, where it is on
    bool keeps_sessions = false;     // and TlsAcceptOptions::sessions
};

// What a TLSA record says (RFC 6698 2.1), or a certificate or key that is trusted by itself.
struct TlsaRecord {
    std::uint8_t usage = 0, selector = 0, matching = 0;
    std::string data;

    bool operator==(const TlsaRecord&) const = default;
};

// "3 1 1 2BB183..", as in zone files; of long data both ends.
[[nodiscard]] std::string tlsa_text(const TlsaRecord& record);

struct TlsClientOptions : TlsCommonOptions {
    std::string dane_digests = "sha512 sha256";  // tls_dane_digests
    bool wildcard_matches_multiple_labels = true;
};

}  // namespace relais
