#include "lib/event/pump.h"

#include <array>
#include <string>

#include <sys/socket.h>

#include "lib/event/loop.h"
#include "lib/event/task_group.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

struct Pair {
    UniqueFd left;
    UniqueFd right;
};

Pair socket_pair() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Task<void> send_all(Stream* stream, std::string text) {
    stream->write(text);
    co_await stream->flush();
    ::shutdown(stream->fd(), SHUT_WR);
}

Task<void> receive_all(Stream* stream, std::string* got) {
    bool more = true;
    while (more) {
        more = co_await stream->receive();
        *got += stream->buffered();
        stream->consume(stream->buffered().size());
    }
}

struct Received {
    std::string client;
    std::string server;
};

// A client and a server that both send more than sockets hold before they read: neither direction
// of what is between them may wait for the other.
Task<Received> through(std::string up, std::string down) {
    Pair outside = socket_pair();
    Pair inside = socket_pair();
    Stream client(std::move(outside.left));
    Stream facing_client(std::move(outside.right));
    Stream facing_server(std::move(inside.left));
    Stream server(std::move(inside.right));
    Received got;
    TaskGroup group;
    group.spawn(pump(&facing_client, &facing_server));
    group.spawn(pump(&facing_server, &facing_client));
    group.spawn(send_all(&client, std::move(up)));
    group.spawn(send_all(&server, std::move(down)));
    group.spawn(receive_all(&client, &got.client));
    group.spawn(receive_all(&server, &got.server));
    co_await group.join();
    co_return got;
}

}  // namespace

TEST_CASE("event/pump: both directions at once, each to its end", "[event]") {
    std::string up(3'000'000, 'u');
    std::string down(2'000'001, 'd');
    Received got = Loop::current().run_task(through(up, down));
    CHECK(got.server == up);
    CHECK(got.client == down);
}

TEST_CASE("event/pump: nothing at all", "[event]") {
    Received got = Loop::current().run_task(through("", ""));
    CHECK(got.server.empty());
    CHECK(got.client.empty());
}
