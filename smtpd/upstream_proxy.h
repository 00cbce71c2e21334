// A proxy in front of this server (smtpd_upstream_proxy_protocol): it says at the beginning of each
// connection whose it is.
#pragma once

#include <optional>

#include "lib/base/socket_address.h"
#include "lib/event/task.h"

namespace relais::smtpd {

// Ends the process where the parameter names a protocol that is none.
void check_upstream_proxy_protocol();

// Reads the header from a connection, and not a byte more: a TLS handshake may follow.  The
// addresses become those that it tells.  False (logged): there is none in time, or none of use.
// `peer` and `local` must outlive the task.
[[nodiscard]] Task<bool> ask_upstream_proxy(int fd, std::optional<SocketAddress>* peer,
                                            std::optional<SocketAddress>* local);

}  // namespace relais::smtpd
