// What OpenSSL's callbacks need to know of one TLS session.  Private to lib/tls: the transport owns
// it, and an SSL object points to it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/tls/openssl_handles.h"

namespace relais {

class TlsSessionStore;

struct SessionNotes {
    std::string peer;         // for the log
    std::string session_key;  // a client's sessions are kept under it; empty: they are not

    // Certificates for the name that a client asks for.  The handshake stops at its first message
    // until somebody has looked them up.
    enum class Chain {
        kNotWanted,  // there are no tables
        kWanted,     // when a name comes
        kAsked,      // `server_name` came: the handshake waits
        kAnswered,   // `chain` is there
        kSettled,
    };
    Chain chain_state = Chain::kNotWanted;
    std::string server_name;
    Result<std::optional<std::string>> chain;
    bool chain_used = false;  // the session has certificates for `server_name`

    // A client's: what is wrong with the server's chain nearest to its own certificate.
    long verify_error = 0;
    int error_depth = 0;
    X509Ptr error_certificate;
    // A server's sessions that are kept elsewhere: see session_cache.h.
    TlsSessionStore* store = nullptr;
    std::string service;  // whose they are
    enum class Stored {
        kNotWanted,  // there is no store
        kWanted,     // when the client asks for a session
        kAsked,      // it has asked for `wanted_session`: the handshake waits
        kSettled,
    };
    Stored stored_state = Stored::kNotWanted;
    std::string wanted_session;
    SessionPtr stored_session;
    bool reloaded = false;                                          // OpenSSL has taken it
    std::vector<std::pair<std::string, std::string>> new_sessions;  // by name
};

[[nodiscard]] int session_notes_index();

[[nodiscard]] inline SessionNotes& notes_of(SSL* ssl) {
    return *static_cast<SessionNotes*>(SSL_get_ex_data(ssl, session_notes_index()));
}

}  // namespace relais
