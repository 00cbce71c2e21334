// TLS contexts from main.cf.  Call these before the process gives up its privileges or enters a
// chroot: keys are readable by root alone.
#pragma once

#include <memory>
#include <string_view>

#include "lib/base/result.h"
#include "lib/config/config.h"
#include "lib/tls/tls_context.h"
#include "lib/tls/tls_options.h"

namespace relais {

// Certificates, authorities and resumption from PREFIX_tls_*, the rest from tls_*.
// `prefix` is "smtpd", "smtp" or "lmtp".
[[nodiscard]] TlsServerOptions tls_server_options(const Config& config, TlsLevel level,
                                                  std::string_view prefix = "smtpd");
[[nodiscard]] TlsClientOptions tls_client_options(const Config& config, std::string_view prefix);

// PREFIX_tls_security_level, or what the older PREFIX_use_tls and PREFIX_enforce_tls say.  A word
// that is no level is a fatal error.  The server's levels end at encrypt.
[[nodiscard]] TlsLevel tls_level_setting(const Config& config, std::string_view prefix);

// The context of smtpd.  Where TLS is wanted and impossible, the reason is logged as a warning.
[[nodiscard]] Result<std::unique_ptr<TlsContext>> smtpd_tls_context(const Config& config,
                                                                    TlsLevel level);

}  // namespace relais
