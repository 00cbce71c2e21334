// The certificates of the other side of a connection, for who wants to see them.
#pragma once

#include <string>
#include <vector>

#include "lib/event/stream.h"
#include "lib/tls/tls_context.h"

namespace relais {

struct PeerCertificate {
    std::string subject, issuer;               // "/C=DE/CN=Test CA"
    std::string fingerprint, key_fingerprint;  // "AA:BB:..", by the digest of the context
    std::vector<std::string> names;            // DNS names
    std::string pem;
};

enum class PeerChain {
    kSent,      // as the server sent it
    kVerified,  // with what verification has added; only where that came to a good end
};

// After tls_connect() on the stream.  Nothing where the server showed no certificate.
[[nodiscard]] std::vector<PeerCertificate> peer_chain(Stream& stream, TlsContext& context,
                                                      PeerChain which);

}  // namespace relais
