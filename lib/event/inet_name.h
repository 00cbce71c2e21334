// "host:port" as administrators write it: into two strings, into addresses, into a connection.
//
// Names are looked up by the C library, which blocks: a coroutine does it on a helper thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/socket_address.h"
#include "lib/base/unique_fd.h"
#include "lib/event/deadline.h"
#include "lib/event/task.h"

namespace relais {

// "host:port", "[address]:port" or a port alone (which leaves the host empty).
[[nodiscard]] std::pair<std::string, std::string> split_inet_name(std::string_view name);

struct FoundAddresses {
    int error = 0;  // of getaddrinfo
    std::vector<SocketAddress> list;
};

// The addresses of "host:port"; an empty host is this machine's, a port may be
// a name of known_tcp_ports or /etc/services.  The first one blocks; `family` is AF_INET, AF_INET6
// or AF_UNSPEC.
[[nodiscard]] FoundAddresses look_up_addresses(std::string_view name, int family = AF_UNSPEC);
[[nodiscard]] Task<FoundAddresses> find_addresses(std::string name);

// The error of a name that has no address: logs what getaddrinfo said.
[[nodiscard]] std::unexpected<Error> fail_without_address(std::string_view name,
                                                          const FoundAddresses& found);

// A connection to the first address that takes it; tells nothing of the addresses before that.
[[nodiscard]] Task<Result<UniqueFd>> connect_inet_name(std::string name, Deadline deadline);

}  // namespace relais
