// A server's sessions that are kept outside of the process, for clients that bring an id and no
// ticket.  Private to lib/tls.
//
// OpenSSL asks for a session and takes no "later" for an answer.  So the handshake stops at its
// first message, as for the name that a client asks for; what the store had is there when OpenSSL
// comes to ask.
#pragma once

#include <string>

#include "lib/event/task.h"
#include "lib/tls/openssl_handles.h"
#include "lib/tls/session_notes.h"
#include "lib/tls/tls_options.h"

namespace relais {

// The sessions of `ctx` whose notes have a store use it.
void serve_session_ids(SSL_CTX* ctx);

// The id of the session that a client's first message asks for, in the form of the store; empty
// where it asks for none, or brings a ticket.
[[nodiscard]] std::string wanted_session(SSL* ssl, const SessionNotes& notes);

// Takes what the store had for it.
void use_stored_session(SSL* ssl, SessionNotes& notes, std::string_view bytes);

// After a handshake: new sessions go to the store; one that came from there and did no good goes.
[[nodiscard]] Task<void> settle_sessions(SessionNotes* notes, bool good);

}  // namespace relais
