#include "lib/dns/address_pattern.h"

#include "lib/dns/reversed_address.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

std::string trouble(std::string_view text) {
    auto pattern = AddressPattern::parse(text);
    return pattern ? "" : pattern.error().message;
}

bool matches(std::string_view pattern, std::string_view address) {
    return AddressPattern::parse(pattern)->matches(address);
}

}  // namespace

TEST_CASE("dns/address pattern: numbers, choices and ranges") {
    CHECK(matches("127.0.0.2", "127.0.0.2"));
    CHECK_FALSE(matches("127.0.0.2", "127.0.0.3"));
    CHECK(matches("127.0.[0..255].[2;4..6]", "127.0.17.5"));
    CHECK(matches("127.0.0.[2;4..6]", "127.0.0.2"));
    CHECK_FALSE(matches("127.0.0.[2;4..6]", "127.0.0.3"));
    CHECK_FALSE(matches("127.0.0.[2;4..6]", "127.0.0.7"));
}

TEST_CASE("dns/address pattern: what is no IPv4 address matches nothing") {
    for (const auto* address : {"", "127.0.0", "127.0.0.2.1", "::1", "127.0.0.256", "127.0.0.x"}) {
        CHECK_FALSE(matches("[0..255].[0..255].[0..255].[0..255]", address));
    }
}

TEST_CASE("dns/address pattern: what is wrong and where") {
    CHECK(trouble("").find("empty address pattern") == 0);
    // As Postfix's postscreen has it.
    CHECK(trouble("127.0.0.[1..255].3") == "garbage after pattern at \"127.0.0.[1..255]>.<3\"");
    CHECK(trouble("127.0.0.x").find("need decimal number 0..255") == 0);
    CHECK(trouble("127.0.0.256").find("need decimal number 0..255") == 0);
    CHECK(trouble("127.0.0").find("need \".\"") == 0);
    CHECK(trouble("127.0.0.[4..2]").find("numeric range error") == 0);
    CHECK(trouble("127.0.0.[1,2]").find("need \";\" or \"]\"") == 0);
    CHECK(trouble("127.0.0.[1").find("missing \"]\" character") == 0);
}

TEST_CASE("dns/reversed address: the names of RFC 5782") {
    CHECK(reversed_address("192.0.2.99") == "99.2.0.192");
    CHECK(reversed_address("2001:db8:1:2:3:4:567:89ab") ==
          "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2");
    CHECK(reversed_address("localhost").empty());
}
