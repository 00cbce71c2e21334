// The sender of address verification probes.
#pragma once

#include <ctime>
#include <string>

namespace relais::verify {

// address_verify_sender in full.  With address_verify_sender_ttl the local part changes with time,
// so that nobody can learn it and send mail from it for long.
[[nodiscard]] std::string probe_sender(std::time_t now);

}  // namespace relais::verify
