// OpenSSL's own configuration file, chosen by tls_config_file and tls_config_name.
#pragma once

#include "lib/config/config.h"

namespace relais {

// Once in a process, before anything else that uses OpenSSL; later calls repeat the answer.  False,
// with warnings, where the file cannot be used: there is no TLS then.
[[nodiscard]] bool load_tls_library(const Config& config);

}  // namespace relais
