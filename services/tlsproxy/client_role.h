// The client's role: TLS with a server, for a delivery agent that keeps its connections.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/event/stream.h"
#include "lib/ipc/tlsproxy_client.h"
#include "lib/tls/tls_session.h"

namespace relais::tlsproxy {

class ClientRole {
  public:
    // Opens what main.cf names for agents (tlsproxy_client_*), while there is root to do it: keys
    // are root's.  A request with the same settings finds it ready.
    void open_configured();

    // The context for what a request asks for; those that were asked for before are kept.  Null
    // where there is none (logged).
    [[nodiscard]] std::shared_ptr<TlsContext> context_for(const TlsproxyClientList& list);

    // The handshake; the list that tells the agent what came of it, or "" where it failed.
    [[nodiscard]] static Task<std::string> shake_hands(Stream* remote, TlsContext* context,
                                                       const TlsproxyClientList* list);

  private:
    std::map<std::string, std::shared_ptr<TlsContext>> contexts_;
    std::shared_ptr<TlsContext> configured_;
    std::string configured_files_, last_files_;
};

}  // namespace relais::tlsproxy
