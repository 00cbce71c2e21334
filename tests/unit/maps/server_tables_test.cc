// Tables behind a socket: what servers may say, and that a slow one holds up nobody else.
#include <array>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/unique_fd.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/event/task_group.h"
#include "lib/maps/registry.h"
#include "lib/maps/servers/table_connection.h"
#include "lib/maps/servers/table_replies.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("maps/tcp: replies") {
    using Kind = TcpReply::Kind;
    CHECK(parse_tcp_reply("200 a%20b%25").text == "a b%");
    CHECK(parse_tcp_reply("200 ").kind == Kind::kFound);
    CHECK(parse_tcp_reply("500 no").kind == Kind::kNotFound);
    CHECK(parse_tcp_reply("400 later").kind == Kind::kRetry);
    CHECK(parse_tcp_reply("600 x").kind == Kind::kBadStatus);
    for (auto line : {"", "200", "20 x", "200x", "200 %", "200 %4", "200 %zz", "2x0 a"}) {
        CHECK(parse_tcp_reply(line).kind == Kind::kMalformed);
    }
    CHECK(quote_hex("a b%\xc3\n") == "a%20b%25%C3%0A");
    CHECK(unquote_hex(quote_hex("a b%\xc3\n")) == "a b%\xc3\n");
}

TEST_CASE("maps/socketmap: netstrings and replies") {
    using State = Netstring::State;
    auto whole = parse_netstring("5:hello,rest", 100);
    CHECK(whole.state == State::kWhole);
    CHECK(whole.content == "hello");
    CHECK(whole.length == 8);
    CHECK(make_netstring("hello") == "5:hello,");
    for (auto text : {"", "5", "5:", "5:hello", "5:hell"}) {
        CHECK(parse_netstring(text, 100).state == State::kPartial);
    }
    for (auto text : {":x,", "x", "-1:x,", "5:hello.", " 1:x,"}) {
        CHECK(parse_netstring(text, 100).state == State::kMalformed);
    }
    CHECK(parse_netstring("101:", 100).state == State::kTooLong);
    CHECK(parse_netstring("99999999999999999999999999", 100).state == State::kTooLong);
    CHECK(parse_netstring(std::string(1000, '0'), 100).state == State::kTooLong);

    using Kind = SocketmapReply::Kind;
    CHECK(parse_socketmap_reply("OK a b").text == "a b");
    CHECK(parse_socketmap_reply("OK").kind == Kind::kNotFound);
    CHECK(parse_socketmap_reply("NOTFOUND ").kind == Kind::kNotFound);
    CHECK(parse_socketmap_reply("PERM x").kind == Kind::kPermanent);
    CHECK(parse_socketmap_reply("ok x").kind == Kind::kUnknown);
}

TEST_CASE("maps/memcache: headers of values") {
    using Kind = MemcacheHeader::Kind;
    CHECK(parse_memcache_header("END", 10).kind == Kind::kEnd);
    CHECK(parse_memcache_header("VALUE k 0 10", 10).size == 10);
    for (auto line : {"", "VALUE k 0 11", "VALUE k 0", "VALUE k 0 -1", "VALUE k 0 x", "ERROR"}) {
        CHECK(parse_memcache_header(line, 10).kind == Kind::kUnexpected);
    }
}

TEST_CASE("maps/endpoint: places of servers") {
    auto error = [](std::string_view text) { return TableEndpoint::parse(text).error().message; };
    CHECK(TableEndpoint::parse("inet:h:1")->name == "h:1");
    CHECK(TableEndpoint::parse("unix:/a")->kind == TableEndpoint::Kind::kUnix);
    CHECK(error("x") == "need service transport:endpoint instead of \"x\"");
    CHECK(error("y:z") == "invalid transport name: y in service: y:z");
}

namespace {

// A tcp_table server on a thread: the first connection's requests get no answer before a request on
// another connection was answered.
class SlowServer {
  public:
    SlowServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in name = {};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof name;
        auto* address = reinterpret_cast<sockaddr*>(&name);
        REQUIRE(::bind(listener_.get(), address, size) == 0);
        REQUIRE(::listen(listener_.get(), 10) == 0);
        ::getsockname(listener_.get(), address, &size);
        port_ = ntohs(name.sin_port);
        thread_ = std::thread([this] { serve(); });
    }

    ~SlowServer() { thread_.join(); }

    int port() const { return port_; }

  private:
    static void answer(int fd, std::string_view text) {
        std::array<char, 100> block;
        CHECK(::recv(fd, block.data(), block.size(), 0) > 0);
        CHECK(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) > 0);
    }

    void serve() const {
        UniqueFd first(::accept(listener_.get(), nullptr, nullptr));
        UniqueFd second(::accept(listener_.get(), nullptr, nullptr));
        answer(second.get(), "200 second\n");
        answer(first.get(), "200 first\n");
    }

    UniqueFd listener_;
    int port_ = 0;
    std::thread thread_;
};

Task<void> look_up(Table* table, std::vector<std::string>* order) {
    Lookup answer = co_await table->lookup("key");
    order->push_back(answer.is_found() ? answer.value() : "(none)");
}

Task<void> look_up_both(Table* table, std::vector<std::string>* order) {
    TaskGroup group;
    group.spawn(look_up(table, order));
    co_await sleep_for(std::chrono::milliseconds(50));
    group.spawn(look_up(table, order));
    co_await group.join();
}

}  // namespace

TEST_CASE("maps/tcp: a lookup that waits holds up no other") {
    set_conf(Config::from_text("myhostname = a.example\n"));
    SlowServer server;
    auto table = open_table(format("tcp:127.0.0.1:{}", server.port()), OpenMode::kRead, 0);
    REQUIRE(table);
    std::vector<std::string> order;
    Loop::current().run_task(look_up_both(table->get(), &order));
    CHECK(order == std::vector<std::string>{"second", "first"});
    CHECK((*table)->waits());
}

TEST_CASE("maps/servers: sensitive data is not asked for") {
    set_conf(Config::from_text("myhostname = a.example\n"));
    for (auto reference : {"tcp:localhost:1", "socketmap:inet:localhost:1:x", "memcache:x"}) {
        CHECK_FALSE(open_table(reference, OpenMode::kRead, table_flag::kNoUnauthenticated));
    }
}
