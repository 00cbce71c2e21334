#include "lib/tls/client_hello.h"

#include "lib/tls/server_name.h"
#include "lib/tls/session_cache.h"
#include "lib/tls/session_notes.h"

namespace relais {

static int look_at_session(SSL* ssl) {
    SessionNotes& notes = notes_of(ssl);
    if (notes.stored_state == SessionNotes::Stored::kWanted) {
        notes.wanted_session = wanted_session(ssl, notes);
        notes.stored_state = notes.wanted_session.empty() ? SessionNotes::Stored::kSettled
                                                          : SessionNotes::Stored::kAsked;
    }
    return notes.stored_state == SessionNotes::Stored::kAsked ? SSL_CLIENT_HELLO_RETRY
                                                              : SSL_CLIENT_HELLO_SUCCESS;
}

// Called anew when the handshake goes on, and for a second hello after a retry request.
static int on_client_hello(SSL* ssl, int* alert, void* /*unused*/) {
    const int outcome = look_at_server_name(ssl, alert);
    return outcome == SSL_CLIENT_HELLO_SUCCESS ? look_at_session(ssl) : outcome;
}

void stop_at_client_hello(SSL_CTX* ctx) {
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, nullptr);
}

}  // namespace relais
