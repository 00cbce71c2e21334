// The syntax of *_tls_protocols and the cipher grades, turned into what OpenSSL takes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/tls/tls_options.h"

namespace relais {

// Versions as on the wire (0x0304 is TLS 1.3); 0 stands for "no bound".
struct TlsProtocolSet {
    int lowest = 0;
    int highest = 0;
    unsigned excluded = 0;  // bit n: version kTlsVersions[n]

    friend bool operator==(const TlsProtocolSet&, const TlsProtocolSet&) = default;
};

// ">=TLSv1.2, !SSLv2", "TLSv1.2 TLSv1.3", ">=0x0303": lower and upper bound, exclusion, or a list
// of what alone is allowed.
[[nodiscard]] Result<TlsProtocolSet> parse_tls_protocols(std::string_view text);

// The SSL_OP_NO_* bits for the excluded versions.
[[nodiscard]] std::uint64_t tls_exclusion_options(const TlsProtocolSet& protocols);

// The OpenSSL cipher list of a grade (high, medium, null; low and export are medium, as in Postfix
// 3.8) without the excluded ciphers.
[[nodiscard]] Result<std::string> tls_cipher_list(const TlsCipherLists& lists,
                                                  std::string_view grade,
                                                  std::string_view exclusions);

// The words of tls_ssl_options and tls_disable_workarounds as option bits.  Warns of others.
[[nodiscard]] std::uint64_t parse_ssl_options(std::string_view text);
[[nodiscard]] std::uint64_t parse_workarounds(std::string_view text);

}  // namespace relais
