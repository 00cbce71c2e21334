// Names of the peer: see the header.
#include "smtpd/peer.h"

#include "lib/base/format.h"
#include "lib/config/config.h"

namespace relais::smtpd {

void Peer::make_label() {
    label = conf().smtpd_client_port_logging() ? format("{}[{}]:{}", name, address, port)
                                               : format("{}[{}]", name, address);
}

std::string Peer::literal() const {
    return family == AF_INET6 ? "IPv6:" + address : address;
}

}  // namespace relais::smtpd
