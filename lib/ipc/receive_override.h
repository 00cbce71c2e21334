// receive_override_options: what is not done to mail that comes in here, because it was done before
// or will be done later.
#pragma once

#include <string>
#include <vector>

namespace relais {

struct ReceiveOverride {
    unsigned cleanup_flags = 0;          // CleanupFlag bits of what is left out
    bool no_unknown_recipients = false;  // recipients need not exist
    bool no_milters = false;
    std::vector<std::string> unknown;  // words that are none
};

// From the configuration.
[[nodiscard]] ReceiveOverride receive_override();

}  // namespace relais
