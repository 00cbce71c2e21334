// Whether a session may authenticate now, and how.
#pragma once

#include <string>

#include "lib/event/task.h"

namespace relais::smtpd {

class Session;

// AUTH is on, and this client is not kept from it (smtpd_sasl_exceptions_networks).
[[nodiscard]] Task<bool> auth_is_active(Session& session);

// "PLAIN LOGIN": the mechanisms for the EHLO answer; "" where there are none now.
[[nodiscard]] Task<std::string> offered_mechanisms(Session& session);

}  // namespace relais::smtpd
