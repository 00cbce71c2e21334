// TLS in tlsproxy(8): the session is then plain for this process, and can go on in another one with
// TLS on it.  That costs a copy of all that is sent, so it is done only where connections are left
// to others at once: see session_cache.h.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/tls/tls_session.h"

#include "smtp/session.h"

namespace relais::smtp_client {

// Whether a session with this policy is to have its TLS there.
[[nodiscard]] bool wants_proxied_tls(const TlsPolicy& policy);

enum class ProxiedTls {
    kAbsent,  // tlsproxy cannot be had (logged): the connection is as it was
    kFailed,  // the handshake: the connection is lost
    kDone,    // session->tls says what was reached
};

// The handshake, and the session's stream with tlsproxy in between.
[[nodiscard]] Task<ProxiedTls> start_proxied_tls(const Settings* settings, Session* session,
                                                 TlsConnectOptions options, std::string nexthop);

// Session::proxied_tls and what follows from it, for a session that goes on here.
[[nodiscard]] Result<void> restore_proxied_tls(Session& session, std::string text);

// For the log: the session is used again.
void log_tls_reuse(const Settings& settings, const Session& session);

}  // namespace relais::smtp_client
