// A proxy in front of a service (smtpd_upstream_proxy_protocol and its like): it says at the
// beginning of each connection whose it is.
#pragma once

#include <optional>
#include <string>

#include "lib/base/socket_address.h"
#include "lib/event/deadline.h"
#include "lib/event/task.h"

namespace relais {

// Ends the process where the parameter names a protocol that is none.
void check_upstream_proxy_protocol(const std::string& parameter, const std::string& value);

// Reads the header from a connection, and not a byte more: a TLS handshake may follow.  The
// addresses become those that it tells.  False (logged): there is none in time, or none of use.
// `peer` and `local` must outlive the task.
[[nodiscard]] Task<bool> ask_upstream_proxy(int fd, Deadline deadline,
                                            std::optional<SocketAddress>* peer,
                                            std::optional<SocketAddress>* local);

}  // namespace relais
