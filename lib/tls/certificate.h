// Reading what certificates say.  Private to lib/tls.
#pragma once

#include <string>
#include <vector>

#include "lib/tls/openssl_handles.h"

namespace relais {

// The DNS names of a certificate: those of subjectAltName, else the common name.
[[nodiscard]] std::vector<std::string> certificate_names(X509* certificate);

[[nodiscard]] std::string subject_common_name(X509* certificate);
// The issuer's common name, else its organization.
[[nodiscard]] std::string issuer_common_name(X509* certificate);

// The whole issuer, or subject, on one line: "/C=DE/CN=Test CA".
[[nodiscard]] std::string issuer_line(X509* certificate);
[[nodiscard]] std::string subject_line(X509* certificate);

// "AA:BB:..": the digest of the certificate, and of its public key.  Empty if it can't be had.
[[nodiscard]] std::string certificate_fingerprint(X509* certificate, const EVP_MD* digest);
[[nodiscard]] std::string key_fingerprint(X509* certificate, const EVP_MD* digest);
[[nodiscard]] std::string key_fingerprint(const EVP_PKEY* key, const EVP_MD* digest);

}  // namespace relais
