// Names of TCP ports that this process knows without /etc/services, which a chroot may lack.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais {

// The table from now on, in the form of known_tcp_ports: "name=port, name=other=port".  What can't
// be used is left out; returns why, a line for each entry.  Call it before there are threads.
[[nodiscard]] std::vector<std::string> set_known_ports(std::string_view text);

// The digits that the table has for the name; any other text as it is.
[[nodiscard]] std::string known_port(std::string_view service);

}  // namespace relais
