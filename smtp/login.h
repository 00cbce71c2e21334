// Logging in, between the handshake and the first mail.  RFC 4954
#pragma once

#include <optional>

#include "smtp/client.h"
#include "smtp/logins.h"
#include "smtp/session.h"

namespace relais::smtp_client {

// After each EHLO: which mechanisms of the server can be used.  What comes back is trouble of ours.
[[nodiscard]] Task<std::optional<DeliveryStatus>> note_mechanisms(Client* client, Session* session);

// Logs in where we have a name at this server.  Nothing when all is well; else why the server is of
// no use for this mail.
[[nodiscard]] Task<std::optional<DeliveryStatus>> log_in(Client* client, Session* session,
                                                         LoginPurpose purpose);

}  // namespace relais::smtp_client
