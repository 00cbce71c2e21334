// Which parts of a name or address an access(5) table is asked for, in order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/maps/match_list.h"
#include "lib/maps/table_set.h"

namespace relais::smtpd {

struct AccessKey {
    std::string text;
    KeyKind kind = KeyKind::kWhole;
};

using AccessKeys = std::vector<AccessKey>;

// host.example.com, then its parents as `style` has them.
[[nodiscard]] AccessKeys keys_of_domain(std::string_view domain, ParentStyle style);

// 192.0.2.1, 192.0.2, 192.0, 192; the same at the colons of IPv6 addresses.
[[nodiscard]] AccessKeys keys_of_network(std::string_view address);

// user+ext@domain, user@domain, the domain and its parents, user+ext@, user@.  `address` is in the
// internal form.
[[nodiscard]] AccessKeys keys_of_address(std::string_view address, std::string_view delimiters,
                                         std::string_view double_bounce, ParentStyle style);

}  // namespace relais::smtpd
