#include "lib/ipc/login_failures.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("ipc/login_failures: who counts as one client") {
    CHECK(client_network("192.0.2.7") == "192.0.2.7");
    CHECK(client_network("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
    CHECK(client_network("2001:db8:1:2::1") == "2001:db8:1:2::/64");
    CHECK(client_network("2001:db8:1:3::1") == "2001:db8:1:3::/64");
    CHECK(client_network("::1") == "::/64");
    CHECK(client_network("::ffff:192.0.2.7") == "192.0.2.7");
    CHECK(client_network("unknown") == "unknown");
}

TEST_CASE("ipc/login_failures: networks of other lengths") {
    CHECK(client_network("192.0.2.7", {.ipv4 = 24, .ipv6 = 84}) == "192.0.2.0/24");
    CHECK(client_network("192.0.2.7", {.ipv4 = 31, .ipv6 = 84}) == "192.0.2.6/31");
    CHECK(client_network("192.0.2.7", {.ipv4 = 0, .ipv6 = 84}) == "0.0.0.0/0");
    CHECK(client_network("::ffff:192.0.2.7", {.ipv4 = 25, .ipv6 = 84}) == "192.0.2.0/25");
    CHECK(client_network("2001:db8::f123:4:5", {.ipv4 = 32, .ipv6 = 84}) ==
          "2001:db8::f000:0:0/84");
    CHECK(client_network("2001:db8::1", {.ipv4 = 32, .ipv6 = 128}) == "2001:db8::1");
}
