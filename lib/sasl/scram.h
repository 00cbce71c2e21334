// The server's half of SCRAM (RFC 5802), with channel binding (-PLUS) or without.
#pragma once

#include <memory>

#include "lib/sasl/derived_password.h"
#include "lib/sasl/mechanism.h"

namespace relais {

enum class ScramBinding { kNone, kRequired };

[[nodiscard]] std::unique_ptr<SaslMechanism> make_scram_mechanism(ScramHash hash,
                                                                  ChannelBindings bindings,
                                                                  ScramBinding required);

}  // namespace relais
