// Raw public keys in place of certificates (RFC 7250), where OpenSSL has them (3.2 and later).
// Private to lib/tls.
#pragma once

#include <string>

#include "lib/tls/openssl_handles.h"

namespace relais {

// A client's session: the server may show a bare key.  Without support this is told once, and a
// certificate is asked for.
void ask_for_raw_key(SSL* ssl);

// A server shows its key bare to clients that ask for it so.
void offer_raw_keys(SSL_CTX* ctx);

// And takes a client's.  Without support: a warning that names the parameter, and certificates
// only.
void accept_raw_keys(SSL_CTX* ctx, const std::string& parameter);

// The key that the peer has shown in place of a certificate, or null.  It belongs to the session.
[[nodiscard]] EVP_PKEY* peer_raw_key(SSL* ssl);

}  // namespace relais
