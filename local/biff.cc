#include "local/biff.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/base/format.h"
#include "lib/base/unique_fd.h"

namespace relais::local_agent {

void announce_mail(std::string_view user, std::int64_t begins_at) {
    const servent* service = ::getservbyname("biff", "udp");
    if (service == nullptr) {
        return;
    }
    sockaddr_in comsat{};
    comsat.sin_family = AF_INET;
    comsat.sin_port = static_cast<in_port_t>(service->s_port);
    comsat.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return;
    }
    auto text = format("{}@{}", user, begins_at);
    // The NUL at the end is sent too.
    [[maybe_unused]] auto sent =
        ::sendto(fd.get(), text.c_str(), text.size() + 1, 0,
                 reinterpret_cast<const sockaddr*>(&comsat), sizeof(comsat));
}

}  // namespace relais::local_agent
