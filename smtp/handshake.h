// From the open connection to a server that is ready for mail: greeting, EHLO or HELO, STARTTLS.
#pragma once

#include <optional>
#include <string>

#include "smtp/client.h"
#include "smtp/session.h"

namespace relais::smtp_client {

struct HandshakeOptions {
    HandshakeOptions() = default;

    std::string queue_id;
    std::string nexthop;
    TlsPolicy tls;
    bool loop_detection = false;
};

// Nothing when the server is ready; else why this server is of no use.  session->tls_failed tells
// that plaintext might do.
[[nodiscard]] Task<std::optional<DeliveryStatus>> shake_hands(Client* client, Session* session,
                                                              HandshakeOptions options);

}  // namespace relais::smtp_client
