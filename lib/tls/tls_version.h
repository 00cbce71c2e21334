// The TLS library: what this was compiled with, and what it runs with.
#pragma once

#include <string>
#include <vector>

namespace relais {

[[nodiscard]] std::string tls_compile_version();
[[nodiscard]] std::string tls_run_version();

// The kinds of keys that certificates may have, by the names that "postfix tls" takes.
[[nodiscard]] std::vector<std::string> tls_public_key_algorithms();

}  // namespace relais
