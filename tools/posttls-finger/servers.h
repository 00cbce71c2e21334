// The servers of the destination: from an address, from MX or SRV records, or a socket.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/config/interfaces.h"
#include "lib/dns/resolver.h"
#include "lib/event/task.h"

#include "tools/posttls-finger/options.h"

namespace relais::finger {

// The destination as the command line has it, taken apart.
struct Destination {
    std::string shown;    // in messages: without "inet:"
    std::string domain;   // the part that certificates may have, and that MX records are of
    std::string path;     // of a UNIX-domain socket
    std::string service;  // "smtp", or digits
    std::uint16_t port = 0;
    bool is_host = false;  // in brackets, or LMTP: no MX records
};

// Ends the process where it makes no sense.
[[nodiscard]] Destination parse_destination(const Options& options);

struct Server {
    std::string host;
    std::string address;  // in print
    std::uint16_t port = 0;
    std::string canonical;  // where CNAMEs of the host lead to; empty: not from DNS
    bool secure = false;    // validated with DNSSEC, from the host to the address
};

struct ServerList {
    std::vector<Server> servers;  // in the order of trying
    // The domain that names them, where CNAMEs lead to from it, and whether that was validated.
    std::string domain, canonical;
    bool secure = true;
};

// The error is the reason why there are none.
[[nodiscard]] Task<Result<ServerList>> find_servers(Resolver* resolver, const Options* options,
                                                    const Destination* destination,
                                                    ProtocolFamilies families);

}  // namespace relais::finger
