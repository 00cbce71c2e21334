// "10.0.0.0/8", "2001:db8::1": networks on doveadm's command line.
#pragma once

#include <optional>
#include <string_view>

#include "lib/maps/network.h"

namespace relais::doveadm {

// As Dovecot reads them, any address in the network stands for it; nothing where the text is none.
[[nodiscard]] std::optional<Network> netmask_of(std::string_view text);

}  // namespace relais::doveadm
