// The server's half of DIGEST-MD5 (RFC 2831), without its security layers.
#pragma once

#include <memory>
#include <string_view>

#include "lib/sasl/mechanism.h"

namespace relais {

// `realms`: what clients can choose from, separated by blanks.
[[nodiscard]] std::unique_ptr<SaslMechanism> make_digest_md5_mechanism(std::string_view realms);

}  // namespace relais
