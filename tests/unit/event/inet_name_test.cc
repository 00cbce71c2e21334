#include "lib/event/inet_name.h"

#include "lib/event/loop.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("inet_name: host and port apart") {
    using Parts = std::pair<std::string, std::string>;
    CHECK(split_inet_name("dovecot:10001") == Parts("dovecot", "10001"));
    CHECK(split_inet_name("[2001:db8::1]:25") == Parts("2001:db8::1", "25"));
    CHECK(split_inet_name("smtp") == Parts("", "smtp"));
    CHECK(split_inet_name(":25") == Parts("", "25"));
    CHECK(split_inet_name("[::1]") == Parts("[:", "1]"));
    CHECK(split_inet_name("") == Parts("", ""));
}

TEST_CASE("inet_name: what needs no look-up") {
    auto found = look_up_addresses("127.0.0.1:65535");
    REQUIRE(found.list.size() == 1);
    CHECK(found.list.front() == SocketAddress::parse("127.0.0.1", 65535));
    CHECK(look_up_addresses("127.0.0.1:65536").list.empty());
    CHECK(Loop::current().run_task(find_addresses("127.0.0.1:65536")).list.empty());
    CHECK(look_up_addresses("127.0.0.1:nosuchservice").error != 0);
}
