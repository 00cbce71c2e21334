// The server's half of OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's): a token in the place of the
// password, and the reason for the client where it is refused.
#pragma once

#include <memory>

#include "lib/sasl/mechanism.h"

namespace relais {

enum class BearerForm { kOauthbearer, kXoauth2 };

// `configuration`: a URL for clients whose token is refused; may be empty.
[[nodiscard]] std::unique_ptr<SaslMechanism> make_bearer_mechanism(BearerForm form,
                                                                   std::string_view configuration);

}  // namespace relais
