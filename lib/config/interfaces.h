// The machine's own network addresses as inet_interfaces and inet_protocols select them, and the
// default of mynetworks that follows from them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "lib/base/result.h"

namespace relais {

// One address in network order: 4 or 16 bytes, with the mask of the interface that has it.
struct InterfaceAddress {
    int family = AF_UNSPEC;
    std::string bytes;
    std::string mask;
};

// What inet_protocols allows.
struct ProtocolFamilies {
    bool ipv4 = false;
    bool ipv6 = false;
};

[[nodiscard]] Result<ProtocolFamilies> parse_inet_protocols(std::string_view text);

// Every address of every interface that is up, without those of other families.
[[nodiscard]] std::vector<InterfaceAddress> local_addresses(ProtocolFamilies families);

// `list` is the value of inet_interfaces: "all", "loopback-only", or addresses and host names.
[[nodiscard]] Result<std::vector<InterfaceAddress>> select_interfaces(std::string_view list,
                                                                      ProtocolFamilies families);

// `list` is the value of proxy_interfaces: addresses and host names that need not be of this
// machine.
[[nodiscard]] Result<std::vector<InterfaceAddress>> resolve_interfaces(std::string_view list,
                                                                       ProtocolFamilies families);

// The text of mynetworks for a mynetworks_style of "class", "subnet" or "host".
[[nodiscard]] Result<std::string> networks_of(const std::vector<InterfaceAddress>& addresses,
                                              std::string_view style);

// "192.0.2.1" or "2001:db8::1".
[[nodiscard]] std::string address_text(const InterfaceAddress& address);

}  // namespace relais
