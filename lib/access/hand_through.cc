#include "lib/access/hand_through.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include <sys/socket.h>

#include "lib/base/format.h"
#include "lib/event/errors.h"
#include "lib/event/task_group.h"

namespace relais {

namespace {

constexpr std::chrono::hours kQuietTime{24 * 365};
// How long the server may go on where the client has ended.
constexpr std::chrono::seconds kLastWords{30};

Task<void> hand_up(Stream* client, Stream* server, Passage* passage) {
    co_await pump(client, server, &passage->up);
    passage->client_ended = true;
    co_await sleep_for(kLastWords);
    ::shutdown(server->fd(), SHUT_RDWR);
}

}  // namespace

Task<Passage> hand_through(Stream* client, Stream* server) {
    for (Stream* each : {client, server}) {
        each->set_deadline(Deadline());
        each->set_timeout(kQuietTime);
    }
    Passage passage;
    TaskGroup up;
    up.spawn(hand_up(client, server, &passage));
    std::exception_ptr cancelled;
    try {
        co_await pump(server, client, &passage.down);
    } catch (const Cancelled&) {
        cancelled = std::current_exception();
    }
    Passage ended = passage;  // who ended first
    co_await up.close();
    if (cancelled) {
        std::rethrow_exception(cancelled);
    }
    co_return ended;
}

std::string Passage::summary() const {
    auto idle = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                                 std::max(up.last, down.last));
    return format("Disconnected by {} ({}s idle, in={}, out={})",
                  client_ended ? "client" : "server", idle.count(), up.bytes, down.bytes);
}

}  // namespace relais
