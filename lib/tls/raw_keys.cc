#include "lib/tls/raw_keys.h"

#include <array>

#include "lib/base/log.h"

namespace relais {

#if OPENSSL_VERSION_NUMBER >= 0x30200000L

// The bare key where both sides can.
static constexpr std::array<unsigned char, 2> kTypes{TLSEXT_cert_type_rpk, TLSEXT_cert_type_x509};

void offer_raw_keys(SSL_CTX* ctx) {
    if (SSL_CTX_set1_server_cert_type(ctx, kTypes.data(), kTypes.size()) != 1) {
        log_tls_errors();
    }
}

void accept_raw_keys(SSL_CTX* ctx, const std::string& parameter) {
    if (SSL_CTX_set1_client_cert_type(ctx, kTypes.data(), kTypes.size()) != 1) {
        log_warning("{}: cannot ask for raw public keys: certificates only", parameter);
        log_tls_errors();
    }
}

void ask_for_raw_key(SSL* ssl) {
    if (SSL_set1_server_cert_type(ssl, kTypes.data(), kTypes.size()) != 1) {
        log_warning("cannot ask for a raw public key");
        log_tls_errors();
    }
}

EVP_PKEY* peer_raw_key(SSL* ssl) {
    return SSL_get0_peer_certificate(ssl) == nullptr ? SSL_get0_peer_rpk(ssl) : nullptr;
}

#else

void offer_raw_keys(SSL_CTX* /*ctx*/) {
}

void accept_raw_keys(SSL_CTX* /*ctx*/, const std::string& parameter) {
    log_warning("{}: raw public keys need OpenSSL 3.2 or later, and this is {}: certificates only",
                parameter, OpenSSL_version(OPENSSL_VERSION_STRING));
}

void ask_for_raw_key(SSL* /*ssl*/) {
    static bool told = false;
    if (!told) {
        told = true;
        log_warning(
            "raw public keys need OpenSSL 3.2 or later, and this is {}: servers are asked "
            "for certificates",
            OpenSSL_version(OPENSSL_VERSION_STRING));
    }
}

EVP_PKEY* peer_raw_key(SSL* /*ssl*/) {
    return nullptr;
}

#endif

}  // namespace relais
