// Certificates chosen by the name that a client asks for (SNI, RFC 6066 3).  Private to lib/tls.
#pragma once

#include "lib/tls/openssl_handles.h"

namespace relais {

// A step of a client-hello callback: SSL_CLIENT_HELLO_RETRY until the chain is known that the notes
// of the session want.
[[nodiscard]] int look_at_server_name(SSL* ssl, int* alert);

// Clients are told whether their name was heard.
void acknowledge_server_names(SSL_CTX* ctx);

}  // namespace relais
