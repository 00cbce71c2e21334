// The connections of a proxied user, his client's and the one with his machine, once he is logged
// in there.
#pragma once

#include <string>

#include "lib/event/pump.h"
#include "lib/event/stream.h"

namespace relais {

struct Passage {
    Pumped up;
    Pumped down;
    bool client_ended = false;

    // "Disconnected by client (3s idle, in=24, out=787)", as Dovecot's proxies log it.
    std::string summary() const;
};

// Hands what is buffered and all that comes through, both ways, until the server has ended; where
// the client has, it may go on for a while.  Both must outlive it.
[[nodiscard]] Task<Passage> hand_through(Stream* client, Stream* server);

}  // namespace relais
