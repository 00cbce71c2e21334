// Where a request wants to go: the next hop as the queue manager, relayhost and transport tables
// write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

#include "smtp/settings.h"

namespace relais::smtp_client {

struct Destination {
    std::string text;         // as it was written
    std::string host;         // without brackets and port, in ASCII
    std::uint16_t port = 25;  //
    bool use_mx = true;       // "[host]" is the host itself
    std::string srv_service;  // its servers are in SRV records (use_srv_lookup); else empty
    std::string unix_path;    // lmtp: "unix:path"; host and port do not count then
};

// "example.com", "[mx.example.com]:587", "192.0.2.1:25"; lmtp also "unix:/path" and "inet:host".
[[nodiscard]] Result<Destination> parse_destination(std::string_view text,
                                                    const Settings& settings);

// The destinations in a next hop, which may be a list, without "inet:".
[[nodiscard]] std::vector<std::string> split_nexthop(std::string_view nexthop, Protocol protocol);

}  // namespace relais::smtp_client
