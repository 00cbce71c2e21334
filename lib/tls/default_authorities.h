// Where OpenSSL looks for certification authorities that nobody has named.
#pragma once

#include <string>
#include <vector>

namespace relais {

// Its directory and its file, as the library was built or as the environment (SSL_CERT_DIR,
// SSL_CERT_FILE) says; they need not exist.
[[nodiscard]] std::vector<std::string> default_authorities();

}  // namespace relais
