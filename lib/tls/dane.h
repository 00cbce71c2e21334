// TLSA records in OpenSSL's verification (RFC 6698, RFC 7671).  Private to lib/tls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/tls/openssl_handles.h"
#include "lib/tls/tls_options.h"

namespace relais {

// Sessions of `ctx` may have TLSA records, with the digests of tls_dane_digests.  What is wrong
// with those is logged, and the rest are used.
void enable_dane(SSL_CTX* ctx, std::string_view digests);

// From now on these alone decide whom `ssl` trusts.  How many are of use: with none, the
// authorities decide as before.  The others are logged.
[[nodiscard]] int use_tlsa_records(SSL* ssl, const std::vector<TlsaRecord>& records,
                                   const std::string& peer);

}  // namespace relais
