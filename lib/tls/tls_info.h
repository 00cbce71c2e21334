// What a TLS handshake came to, and its description in Postfix's words: for the log, for Received:
// headers and for policies that look at the peer's certificate.
#pragma once

#include <string>
#include <string_view>

#include "lib/tls/tls_options.h"

namespace relais {

// How far the peer is known.  Verified: the certificate is trusted and has the wanted name, or it
// is one of the wanted fingerprints.
enum class TlsTrust { kAnonymous, kUntrusted, kTrusted, kVerified };

// Why a server is not the wanted one.
enum class TlsProblem {
    kNone,
    kName,       // a certificate of somebody else
    kExpired,    // or not valid yet
    kUntrusted,  // nobody known has signed it
    kRecords,    // no TLSA record is of use
    kOther,
};

// A key that took part: "X25519", "RSA-PSS (2048 bits)", "ECDSA (P-256)".
struct TlsKey {
    std::string name;
    std::string curve;
    int bits = 0;
    std::string digest;  // of signatures
};

struct TlsInfo {
    std::string protocol;  // "TLSv1.3"
    std::string cipher;
    int cipher_bits_used = 0;
    int cipher_bits = 0;
    TlsKey key_exchange, server_signature, client_signature;  // TLS 1.3 only
    std::string peer_cn, issuer_cn;
    std::string certificate_fingerprint, key_fingerprint;  // "AA:BB:.."
    std::string sni;  // the name that chose the server's certificates
    TlsTrust trust = TlsTrust::kAnonymous;
    std::string verify_error;  // why the peer's certificate is not trusted
    bool reused = false;       // an earlier session went on
    // A client's: the level in the end, which is lower than the wanted one where no TLSA record
    // was of use, and whether the server is what that level wants.
    TlsLevel level = TlsLevel::kNone;
    bool satisfied = true;
    bool dane = false;  // TLSA records were used
    TlsProblem problem = TlsProblem::kNone;

    // Of a server's session: what it can be told apart by (RFC 9266, RFC 5929), as bytes.
    std::string exporter_binding, server_end_point;

    bool has_certificate() const { return trust != TlsTrust::kAnonymous; }
};

// "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 ...".
[[nodiscard]] std::string tls_description(const TlsInfo& info);

// "Anonymous", "Untrusted", "Trusted", "Verified".
[[nodiscard]] std::string_view tls_trust_word(TlsTrust trust);

// The lines that smtpd_tls_received_header puts into Received:, each starting with a tab and ending
// with a line feed.
enum class ClientCertificateAsked { kNo, kYes };
[[nodiscard]] std::string tls_received_lines(const TlsInfo& info, ClientCertificateAsked asked);

}  // namespace relais
