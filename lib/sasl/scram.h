// The server's half of SCRAM (RFC 5802), without channel binding.
#pragma once

#include <memory>

#include "lib/sasl/derived_password.h"
#include "lib/sasl/mechanism.h"

namespace relais {

[[nodiscard]] std::unique_ptr<SaslMechanism> make_scram_mechanism(ScramHash hash);

}  // namespace relais
