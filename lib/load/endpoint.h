// Where a test client connects to and a test server listens, as their command lines say it:
// "[inet:][host]:port" or "unix:pathname".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "lib/base/socket_address.h"
#include "lib/base/unique_fd.h"
#include "lib/event/deadline.h"
#include "lib/event/task.h"

namespace relais::load {

struct Endpoint {
    std::string path;                      // of a UNIX-domain socket
    std::vector<SocketAddress> addresses;  // where there is none
};

// A server's name with its port, or `default_port`.  Ends the process where it can't be found.
// `family`: AF_INET, AF_INET6 or AF_UNSPEC.
[[nodiscard]] Endpoint server_endpoint(std::string_view name, std::string_view default_port,
                                       int family);

// What to listen on: without a host, any address; a port alone is enough.
[[nodiscard]] Endpoint listen_endpoint(std::string_view name, int family);

// Listens on the first address that can be had; several servers may share a TCP port.  A `window`
// other than 0 is the size of the kernel's buffers.  Ends the process where that is impossible.
[[nodiscard]] UniqueFd listen_on(const Endpoint& endpoint, int backlog, int window = 0);

// The options -4 and -6: the last one counts.
[[nodiscard]] inline int family_option(int option) {
    return option == '4' ? AF_INET : AF_INET6;
}

// A whole number from `least` on that fits an int, or the usage error of the caller's kind: below
// `least` where it is none.
[[nodiscard]] int number_option(std::string_view text, int least);

// The same; the process ends where it is none: "bad WHAT: TEXT".
[[nodiscard]] int required_number(const char* what, std::string_view text, int least = 1);

// These programs tell their caller, under the name that he used, and nobody else.
void open_stderr_log(const char* name);

// For -T: the kernel's buffers of a socket, before it listens or connects.
void set_window(int fd, int window);

// As many open files as the system lets this process have, where it needs `wanted`.
void raise_open_files(std::size_t wanted);

}  // namespace relais::load
