#include "lib/tls/handshake_info.h"

#include <array>

#include <openssl/core_names.h>
#include <openssl/objects.h>

#include "lib/tls/certificate.h"
#include "lib/tls/raw_keys.h"
#include "lib/tls/server_verdict.h"
#include "lib/tls/session_notes.h"

namespace relais {

namespace {

std::string curve_name(const EVP_PKEY* key) {
    std::array<char, 80> group{};
    std::size_t length = 0;
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(),
                                       &length) != 1) {
        ERR_clear_error();
        return {};
    }
    return {group.data(), length};
}

TlsKey exchange_key(SSL* ssl) {
    EVP_PKEY* raw = nullptr;
    // NOLINTNEXTLINE(bugprone-multi-level-implicit-pointer-conversion): within OpenSSL's macro
    if (SSL_get_peer_tmp_key(ssl, &raw) != 1) {
        ERR_clear_error();
        return {};
    }
    KeyPtr key(raw);
    TlsKey result;
    switch (EVP_PKEY_get_base_id(key.get())) {
        case EVP_PKEY_DH:
            result.name = "DHE";
            result.bits = EVP_PKEY_get_bits(key.get());
            break;
        case EVP_PKEY_EC:
            result.name = "ECDHE";
            result.curve = curve_name(key.get());
            break;
        default:
            // Key types without parameters, such as X25519.
            result.name = EVP_PKEY_get0_type_name(key.get());
            break;
    }
    return result;
}

// The key says how it signs: TLS 1.3 has one way for each kind.  After a resumption nothing was
// signed, and there is no digest.
TlsKey signature_key(const EVP_PKEY* key, int digest) {
    TlsKey result;
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_RSA:
        case EVP_PKEY_RSA_PSS:
            result.name = "RSA-PSS";
            result.bits = EVP_PKEY_get_bits(key);
            break;
        case EVP_PKEY_EC:
            result.name = "ECDSA";
            result.curve = curve_name(key);
            break;
        default:
            result.name = EVP_PKEY_get0_type_name(key);
            break;
    }
    if (digest != NID_undef) {
        result.digest = OBJ_nid2sn(digest);
    }
    return result;
}

TlsKey own_signature(SSL* ssl) {
    const X509* certificate = SSL_get_certificate(ssl);
    if (certificate == nullptr) {
        return {};
    }
    int digest = NID_undef;
    SSL_get_signature_nid(ssl, &digest);
    return signature_key(X509_get0_pubkey(certificate), digest);
}

TlsKey peer_signature(SSL* ssl) {
    const X509* certificate = SSL_get0_peer_certificate(ssl);
    const EVP_PKEY* key =
        certificate != nullptr ? X509_get0_pubkey(certificate) : peer_raw_key(ssl);
    if (key == nullptr) {
        return {};
    }
    int digest = NID_undef;
    SSL_get_peer_signature_nid(ssl, &digest);
    return signature_key(key, digest);
}

// Before TLS 1.3 the name of the cipher says all of this.
void describe_keys(SSL* ssl, TlsInfo& info) {
    if (SSL_version(ssl) < TLS1_3_VERSION) {
        return;
    }
    bool server = SSL_is_server(ssl) == 1;
    info.key_exchange = exchange_key(ssl);
    info.server_signature = server ? own_signature(ssl) : peer_signature(ssl);
    if (server) {
        info.client_signature = peer_signature(ssl);
    } else if (int type = NID_undef; SSL_get_signature_type_nid(ssl, &type) == 1) {
        info.client_signature = own_signature(ssl);  // the server asked for a certificate
    }
}

void describe_peer(SSL* ssl, const TlsContext::State& state, TlsInfo& info) {
    X509* certificate = SSL_get0_peer_certificate(ssl);
    if (const EVP_PKEY* key = peer_raw_key(ssl)) {
        info.key_fingerprint = key_fingerprint(key, state.fingerprint_digest);
        info.trust = TlsTrust::kUntrusted;
        return;
    }
    if (certificate == nullptr) {
        return;
    }
    info.peer_cn = subject_common_name(certificate);
    info.issuer_cn = issuer_common_name(certificate);
    info.certificate_fingerprint = certificate_fingerprint(certificate, state.fingerprint_digest);
    info.key_fingerprint = key_fingerprint(certificate, state.fingerprint_digest);
    const long verified = verify_error_of(ssl).code;
    info.trust = verified == X509_V_OK ? TlsTrust::kTrusted : TlsTrust::kUntrusted;
    if (verified != X509_V_OK) {
        info.verify_error = X509_verify_cert_error_string(verified);
    }
}

}  // namespace

TlsInfo describe_handshake(SSL* ssl, const TlsContext::State& state) {
    TlsInfo info;
    info.protocol = SSL_get_version(ssl);
    info.cipher = SSL_get_cipher_name(ssl);
    info.cipher_bits_used = SSL_get_cipher_bits(ssl, &info.cipher_bits);
    info.reused = SSL_session_reused(ssl) == 1;
    if (SSL_is_server(ssl) == 1) {
        const SessionNotes& notes = notes_of(ssl);
        info.sni = notes.chain_used ? notes.server_name : "";
    }
    describe_keys(ssl, info);
    describe_peer(ssl, state, info);
    ERR_clear_error();
    return info;
}

}  // namespace relais
