// Reads out of OpenSSL what a finished handshake came to.  Private to lib/tls.
#pragma once

#include "lib/tls/context_state.h"
#include "lib/tls/tls_info.h"

namespace relais {

[[nodiscard]] TlsInfo describe_handshake(SSL* ssl, const TlsContext::State& state);

}  // namespace relais
