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
