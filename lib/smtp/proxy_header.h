// What a proxy tells about the client before the first byte of SMTP: the header of HAProxy's PROXY
// protocol, version 1 (one line of text) or 2 (binary).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lib/base/socket_address.h"

namespace relais::smtp {

// No header is longer: 16 bytes and the addresses of version 2, with room for its extensions.
inline constexpr std::size_t kLongestProxyHeader = 536;

struct ProxyHeader {
    enum class State {
        kComplete,
        kIncomplete,  // so far so good: ask again when more bytes have come
        kMalformed,   // `trouble` says what is wrong; the connection is good for nothing
    };

    State state = State::kIncomplete;
    std::size_t size = 0;      // kComplete: the bytes that the header takes
    std::string_view trouble;  // a constant, for the log; of an incomplete header: what is missing
    // False where the proxy connects for itself (a health check): the addresses are then those of
    // the connection.
    bool proxied = false;
    SocketAddress client, server;
};

// `bytes` is all that has come on the connection; what follows the header is not looked at.
[[nodiscard]] ProxyHeader parse_proxy_header(std::string_view bytes);

// The other way: a header of version 2.  Without two addresses of one family it says that the proxy
// connects for itself.
[[nodiscard]] std::string make_proxy_header(const SocketAddress& client,
                                            const SocketAddress& server);

}  // namespace relais::smtp
