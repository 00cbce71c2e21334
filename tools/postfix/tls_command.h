// `postfix tls ...`: opportunistic TLS for a system that has none, keys and certificates.
#pragma once

#include <string>
#include <vector>

namespace relais::postfix_command {

// `words` begin with "tls"; the exit status.
int manage_tls(const std::vector<std::string>& words);

}  // namespace relais::postfix_command
