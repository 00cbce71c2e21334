#include "lib/event/stream.h"

#include <array>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/event/socket.h"
#include "lib/event/task_group.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

namespace {

std::array<UniqueFd, 2> socket_pair() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Task<std::string> read_to_end(Stream* stream) {
    std::string all;
    while (co_await stream->fill()) {
        all += stream->buffered();
        stream->consume(stream->buffered().size());
    }
    co_return all;
}

Task<void> send_and_close(UniqueFd fd, std::string text) {
    Stream stream(std::move(fd));
    stream.write(text);
    co_await stream.flush();
}

Task<std::string> transfer(std::string text) {
    auto [a, b] = socket_pair();
    Stream reader(std::move(b));
    TaskGroup group;
    group.spawn(send_and_close(std::move(a), text));
    std::string got = co_await read_to_end(&reader);
    co_await group.join();
    co_return got;
}

Task<void> echo(UniqueFd fd) {
    Stream stream(std::move(fd));
    while (co_await stream.fill()) {
        stream.write(stream.buffered());
        stream.consume(stream.buffered().size());
    }
}

Task<bool> ping_pong(int rounds) {
    auto [a, b] = socket_pair();
    TaskGroup group;
    group.spawn(echo(std::move(a)));
    bool all_came_back = true;
    {
        Stream stream(std::move(b));
        for (int i = 0; i < rounds; ++i) {
            stream.write("ping");
            bool more = co_await stream.fill();
            all_came_back = all_came_back && more && stream.buffered() == "ping";
            stream.consume(4);
        }
    }
    co_await group.join();
    co_return all_came_back;
}

// What the peer gets when a first flush comes to its deadline halfway, and a second one goes on.
Task<std::string> flush_twice(std::string first, std::string second) {
    auto [a, b] = socket_pair();
    Stream stream(std::move(a));
    stream.set_timeout(10ms);
    stream.write(first);
    bool timed_out = false;
    try {
        co_await stream.flush();
    } catch (const TimedOut&) {
        timed_out = true;
    }
    CHECK(timed_out);
    stream.set_timeout(10s);
    stream.write(second);
    Stream reader(std::move(b));
    std::string got;
    TaskGroup group;
    group.spawn(stream.flush());
    while (got.size() < first.size() + second.size()) {
        bool more = co_await reader.fill();
        CHECK(more);
        got += reader.buffered();
        reader.consume(reader.buffered().size());
    }
    co_await group.join();
    co_return got;
}

Task<std::string> time_out() {
    auto [a, b] = socket_pair();
    Stream stream(std::move(a));
    stream.set_timeout(10ms);
    try {
        co_await stream.fill();
    } catch (const TimedOut& error) {
        co_return error.what();
    }
    co_return "no timeout";
}

// Data and close come together: the end of the stream must be seen after a short read.
Task<std::string> data_then_close() {
    auto [a, b] = socket_pair();
    Stream stream(std::move(b));
    TaskGroup group;
    group.spawn(send_and_close(std::move(a), ""));
    co_await group.join();
    co_return co_await read_to_end(&stream);
}

Task<std::string> late_data_then_close() {
    auto [a, b] = socket_pair();
    Stream stream(std::move(b));
    stream.set_timeout(2s);
    TaskGroup group;
    UniqueFd writer = std::move(a);
    REQUIRE(::write(writer.get(), "x", 1) == 1);
    co_await stream.fill();
    stream.consume(1);
    REQUIRE(::write(writer.get(), "y", 1) == 1);
    writer.reset();
    co_return co_await read_to_end(&stream);
}

Task<std::string> pass_a_descriptor() {
    auto [a, b] = socket_pair();
    Stream sender(std::move(a));
    Stream receiver(std::move(b));
    std::array<int, 2> pipe_ends{};
    REQUIRE(::pipe2(pipe_ends.data(), O_CLOEXEC) == 0);
    UniqueFd read_end(pipe_ends[0]);
    UniqueFd write_end(pipe_ends[1]);
    co_await sender.send_fd(write_end.get());
    UniqueFd received = co_await receiver.receive_fd();
    REQUIRE(::write(received.get(), "hello", 5) == 5);
    std::array<char, 8> text{};
    ssize_t got = ::read(read_end.get(), text.data(), text.size());
    co_return std::string(text.data(), static_cast<std::size_t>(got));
}

Task<std::string> refused_connect() {
    auto result = co_await connect_unix("/nonexistent/socket", Deadline::after(1s));
    co_return result ? "connected" : result.error().message;
}

Task<std::string> over_tcp() {
    UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto any = SocketAddress::parse("127.0.0.1", 0);
    REQUIRE(::bind(listening.get(), any->data(), any->size()) == 0);
    REQUIRE(::listen(listening.get(), 8) == 0);
    auto address = SocketAddress::local_of(listening.get());
    Listener listener(std::move(listening));
    auto client = co_await connect_tcp(*address, Deadline::after(1s));
    REQUIRE(client);
    UniqueFd accepted = co_await listener.accept();
    TaskGroup group;
    group.spawn(send_and_close(std::move(*client), "over tcp"));
    Stream stream(std::move(accepted));
    std::string got = co_await read_to_end(&stream);
    co_await group.join();
    co_return got;
}

// A reader that keeps the first half of a message in the buffer while the second is on its way.
Task<std::string> halves() {
    auto [a, b] = socket_pair();
    Stream writer(std::move(a));
    Stream reader(std::move(b));
    writer.write("first ");
    co_await writer.flush();
    bool more = co_await reader.fill();
    TaskGroup group;
    group.spawn(send_and_close(UniqueFd(::dup(writer.fd())), "second"));
    while (more && reader.buffered() != "first second") {
        reader.set_timeout(2s);
        more = co_await reader.fill();
    }
    co_await group.join();
    co_return std::string(reader.buffered());
}

Task<void> half_then_silence() {
    auto [a, b] = socket_pair();
    Stream writer(std::move(a));
    Stream reader(std::move(b));
    reader.set_timeout(50ms);
    writer.write("half");
    co_await writer.flush();
    while (co_await reader.fill()) {
    }
}

// The last data of a pipe and its end are there before the reader looks.
Task<std::string> pipe_with_an_end() {
    std::array<int, 2> fds{};
    REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
    UniqueFd write_end(fds[1]);
    Stream reader{UniqueFd(fds[0])};
    reader.set_pipe();
    reader.set_timeout(2s);
    TaskGroup group;
    group.spawn(send_and_close(std::move(write_end), "last words"));
    std::string got = co_await read_to_end(&reader);
    co_await group.join();
    co_return got;
}

}  // namespace

TEST_CASE("event/stream: small and large transfers arrive whole") {
    auto& loop = Loop::current();
    CHECK(loop.run_task(transfer("hello")) == "hello");
    std::string large(3'000'000, 'x');
    CHECK(loop.run_task(transfer(large)) == large);
}

TEST_CASE("event/stream: fill sends what is written before it waits") {
    CHECK(Loop::current().run_task(ping_pong(1000)));
}

TEST_CASE("event/stream: a silent peer times out") {
    CHECK(Loop::current().run_task(time_out()) == "timeout");
}

TEST_CASE("event/stream: the end of the stream is seen however it comes") {
    CHECK(Loop::current().run_task(data_then_close()) == "");
    CHECK(Loop::current().run_task(late_data_then_close()) == "y");
}

TEST_CASE("event/stream: input that was not consumed does not keep fill from waiting") {
    CHECK(Loop::current().run_task(halves()) == "first second");
    CHECK_THROWS_AS(Loop::current().run_task(half_then_silence()), TimedOut);
}

TEST_CASE("event/stream: the end of a pipe is seen with its last data") {
    CHECK(Loop::current().run_task(pipe_with_an_end()) == "last words");
}

TEST_CASE("event/stream: descriptors pass over UNIX-domain sockets") {
    CHECK(Loop::current().run_task(pass_a_descriptor()) == "hello");
}

TEST_CASE("event/socket: connect and accept") {
    CHECK(Loop::current().run_task(over_tcp()) == "over tcp");
    CHECK(Loop::current().run_task(refused_connect()) ==
          "connect to /nonexistent/socket: No such file or directory");
}

TEST_CASE("event/stream: what went out before a deadline is not sent again") {
    std::string first;
    while (first.size() < 4000000) {
        first += std::to_string(first.size()) + ' ';
    }
    auto got = Loop::current().run_task(flush_twice(first, "and this"));
    CHECK((got == first + "and this"));
}
