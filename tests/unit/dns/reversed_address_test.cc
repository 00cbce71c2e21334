#include "lib/dns/reversed_address.h"

#include "tests/support/catch.h"

using namespace relais;

// The examples of RFC 5782 sections 2.1 and 2.4.
TEST_CASE("dns/reversed_address") {
    CHECK(reversed_address("192.0.2.99") == "99.2.0.192");
    CHECK(reversed_address("2001:db8:1:2:3:4:567:89ab") ==
          "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2");
    CHECK(reversed_address("unknown").empty());
    CHECK(reversed_address("").empty());
}
