// Certificates and keys into OpenSSL.  Private to lib/tls.
#pragma once

#include "lib/tls/openssl_handles.h"
#include "lib/tls/tls_options.h"

namespace relais {

// One of the two.
struct ChainTarget {
    SSL_CTX* ctx = nullptr;
    SSL* ssl = nullptr;
};

// Loads the certificates and keys into `ctx`.  False when one of them can't be used; logged.
[[nodiscard]] bool load_certificates(SSL_CTX* ctx, const TlsCertificateFiles& files);

// Gives one session keys and certificates of its own, in the form of chain files, in place of those
// of its context.  `source` names them in the log.
[[nodiscard]] bool load_chain_text(SSL* ssl, std::string_view pem, const std::string& source);

}  // namespace relais
