// What a server's TLS session can be told apart by, for SASL (RFC 5056).
#pragma once

#include <string>

#include <openssl/ssl.h>

namespace relais {

// tls-exporter (RFC 9266); empty where two sessions could have the same.
[[nodiscard]] std::string exporter_binding(SSL* ssl);

// tls-server-end-point (RFC 5929 4): a digest of the certificate that was shown.
[[nodiscard]] std::string server_end_point_binding(SSL* ssl);

}  // namespace relais
