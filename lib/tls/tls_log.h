// What *_tls_loglevel 2 to 4 add to the log.  Private to lib/tls.
#pragma once

#include <string>
#include <string_view>

#include "lib/tls/openssl_handles.h"
#include "lib/tls/tls_info.h"

namespace relais {

// Level 2: each step of the handshakes of `ctx`, and alerts.
void log_handshake_steps(SSL_CTX* ctx);

// Level 2: a certificate of the chain that is being verified.
void log_chain_certificate(X509_STORE_CTX* store, int verified);

// Level 2: whom the peer's certificate names.
void log_peer_certificate(X509* certificate, const TlsInfo& info, const std::string& peer);

// The same of a server.
void log_server_certificate(const TlsInfo& info, const std::string& peer);

// Level 2: by which TLSA record, and by which name, a server was verified.
void log_dane_match(SSL* ssl, const std::string& peer);

// Levels 3 and 4: all that goes through `bio`, until stop_dump().
void dump_bytes(BIO* bio);
void stop_dump(BIO* bio);

// One row of a dump for each 16 bytes; blanks and NULs at the end are only counted.
[[nodiscard]] std::string dump_row(std::size_t offset, std::string_view bytes);

// Level 4: the beginning of what a session read or wrote.
void log_plain_text(std::string_view what, std::string_view bytes);

}  // namespace relais
