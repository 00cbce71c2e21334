// A server's handshake stops at the client's first message until what that asks for has been looked
// up: the certificates for a name, a session to resume.  Private to lib/tls.
#pragma once

#include "lib/tls/openssl_handles.h"

namespace relais {

// From now on sessions of `ctx` stop where their notes want it.
void stop_at_client_hello(SSL_CTX* ctx);

}  // namespace relais
