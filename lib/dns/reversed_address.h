// The name of an address below the domain of a DNS list.  RFC 5782 sections 2.1 and 2.4
#pragma once

#include <string>
#include <string_view>

namespace relais {

// 1.2.0.192 for 192.0.2.1, 32 nibbles for IPv6; "" where `address` is no address.
[[nodiscard]] std::string reversed_address(std::string_view address);

}  // namespace relais
