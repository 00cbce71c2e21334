#include "lib/event/pump.h"

#include <sys/socket.h>

#include "lib/event/errors.h"

namespace relais {

Task<void> copy_to_end(Stream* from, Stream* to) {
    try {
        bool more = true;
        while (more) {
            to->write(from->buffered());
            from->consume(from->buffered().size());
            co_await to->flush();
            more = co_await from->receive();
        }
    } catch (const IoError&) {
        // Either side has gone: the caller tells the other one.
    } catch (const TimedOut&) {
    }
}

Task<void> pump(Stream* from, Stream* to) {
    co_await copy_to_end(from, to);
    ::shutdown(to->fd(), SHUT_WR);
}

}  // namespace relais
