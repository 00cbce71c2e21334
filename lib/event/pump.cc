#include "lib/event/pump.h"

#include <sys/socket.h>

#include "lib/event/errors.h"

namespace relais {

Task<void> copy_to_end(Stream* from, Stream* to, Pumped* pumped) {
    try {
        bool more = true;
        while (more) {
            if (pumped != nullptr && !from->buffered().empty()) {
                pumped->bytes += from->buffered().size();
                pumped->last = std::chrono::steady_clock::now();
            }
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

Task<void> pump(Stream* from, Stream* to, Pumped* pumped) {
    co_await copy_to_end(from, to, pumped);
    ::shutdown(to->fd(), SHUT_WR);
}

}  // namespace relais
