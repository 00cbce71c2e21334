// Certificates and public keys that are trusted by themselves (smtp_tls_trust_anchor_file).
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/tls/tls_options.h"

namespace relais {

// As TLSA records for TlsConnectOptions: each may have signed the server's certificate, or be it.
// Other things in the file are passed over; a file that has none of these, or a broken one, is an
// error, with the text for the log.
[[nodiscard]] Result<std::vector<TlsaRecord>> read_trust_anchors(const std::string& path);

// The same, of the file's text.
[[nodiscard]] Result<std::vector<TlsaRecord>> parse_trust_anchors(const std::string& pem,
                                                                  const std::string& path);

}  // namespace relais
