#include "lib/event/pump.h"

#include <sys/socket.h>

#include "lib/event/errors.h"

namespace relais {

Task<void> pump(Stream* from, Stream* to) {
    try {
        bool more = true;
        while (more) {
            to->write(from->buffered());
            from->consume(from->buffered().size());
            co_await to->flush();
            more = co_await from->receive();
        }
    } catch (const IoError&) {
        // Either side has gone; the other one is told below.
    } catch (const TimedOut&) {
    }
    ::shutdown(to->fd(), SHUT_WR);
}

}  // namespace relais
