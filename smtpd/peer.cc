// Names of the peer: see the header.
#include "smtpd/peer.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/config/config.h"

namespace relais::smtpd {

bool is_own_address(std::string_view address) {
    return std::ranges::any_of(conf().own_addresses(), [address](const InterfaceAddress& own) {
        return address_text(own) == address;
    });
}

void Peer::make_label() {
    label = conf().smtpd_client_port_logging() ? format("{}[{}]:{}", name, address, port)
                                               : format("{}[{}]", name, address);
}

std::string Peer::literal() const {
    return family == AF_INET6 ? "IPv6:" + address : address;
}

std::string ForwardedClient::label() const {
    return address == "unknown" ? name : format("{}[{}]", name, address);
}

}  // namespace relais::smtpd
