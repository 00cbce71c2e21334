// The examples are those of memcached's doc/protocol.txt and of Redis' description of RESP2.
#include "lib/ipc/shared_replies.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

constexpr auto kMemcache = SharedProtocol::kMemcache;
constexpr auto kRedis = SharedProtocol::kRedis;

// "line=data+SIZE", "...", or "!".
std::string read(SharedProtocol protocol, std::string_view bytes) {
    SharedReply reply = parse_shared_reply(protocol, bytes);
    if (reply.state != SharedReply::State::kComplete) {
        return reply.state == SharedReply::State::kIncomplete ? "..." : "!";
    }
    return reply.line + "=" + reply.data.value_or("-") + "+" + std::to_string(reply.size);
}

}  // namespace

TEST_CASE("ipc/shared replies: memcached") {
    CHECK(read(kMemcache, "STORED\r\nmore") == "STORED=-+8");
    CHECK(read(kMemcache, "12\r\n") == "12=-+4");
    CHECK(read(kMemcache, "END\r\n") == "END=-+5");
    CHECK(read(kMemcache, "VALUE k 0 3\r\nabc\r\nEND\r\nx") == "=abc+23");
    CHECK(read(kMemcache, "VALUE k 0 4\r\n\r\n\r\n\r\nEND\r\n") == "=\r\n\r\n+24");
    CHECK(read(kMemcache, "VALUE k 0 3\r\nabc\r\nEN") == "...");
    CHECK(read(kMemcache, "VALUE k 0 2\r\nabc\r\nEND\r\n") == "!");
    CHECK(read(kMemcache, "VALUE k 0 99999999\r\n") == "!");
    CHECK(read(kMemcache, "VALUE k 0 -1\r\n") == "!");
    CHECK(read(kMemcache, "VALUE k\r\n") == "!");
    CHECK(read(kMemcache, std::string(511, 'x')) == "...");
    CHECK(read(kMemcache, std::string(512, 'x')) == "!");
}

TEST_CASE("ipc/shared replies: Redis") {
    CHECK(read(kRedis, "+OK\r\n") == "+OK=-+5");
    CHECK(read(kRedis, ":1000\r\n") == ":1000=-+7");
    CHECK(read(kRedis, "$-1\r\n") == "$-1=-+5");
    CHECK(read(kRedis, "$5\r\nhello\r\n:1\r\n") == "=hello+11");
    CHECK(read(kRedis, "$0\r\n\r\n") == "=+6");
    CHECK(read(kRedis, "$5\r\nhel") == "...");
    CHECK(read(kRedis, "$5\r\nhelloxx") == "!");
    CHECK(read(kRedis, "$99999999\r\n") == "!");
    CHECK(read(kRedis, "-ERR unknown command\r\n") == "-ERR unknown command=-+22");
    CHECK(redis_request({"LLEN", "my list"}) == "*2\r\n$4\r\nLLEN\r\n$7\r\nmy list\r\n");
}
