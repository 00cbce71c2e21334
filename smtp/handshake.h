// From the open connection to a server that is ready for mail: greeting, EHLO or HELO, STARTTLS.
#pragma once

#include <ctime>
#include <optional>
#include <string>

#include "smtp/client.h"
#include "smtp/session.h"

namespace relais::smtp_client {

struct HandshakeOptions {
    HandshakeOptions() = default;

    std::string queue_id;
    std::time_t arrival = 0;  // of the message, in seconds since 1970
    std::string nexthop;
    std::string sender;
    TlsPolicy tls;
    RequireTls require_tls = RequireTls::kDisable;
    bool loop_detection = false;
};

// Nothing when the server is ready; else why this server is of no use.  session->tls_failed tells
// that plaintext might do, session->unsuitable that it is the message that asks for too much.
[[nodiscard]] Task<std::optional<DeliveryStatus>> shake_hands(Client* client, Session* session,
                                                              HandshakeOptions options);

}  // namespace relais::smtp_client
