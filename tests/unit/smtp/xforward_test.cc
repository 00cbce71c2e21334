// XFORWARD commands as clients send them.
#include "lib/smtp/xforward.h"

#include <array>

#include "tests/support/catch.h"

using namespace relais::smtp;

TEST_CASE("smtp/xforward: only what is known, to who wants it") {
    const std::array<XforwardAttribute, 3> all = {
        {{"NAME", "a b.test"}, {"ADDR", "2001:db8::1"}, {"HELO", ""}}};
    const auto to = [&](std::string_view reply) {
        return xforward_command(Capabilities::parse(reply), all);
    };
    // xtext, RFC 3461 section 4.
    CHECK(to("250-x\n250 XFORWARD NAME ADDR HELO") == "XFORWARD NAME=a+20b.test ADDR=2001:db8::1");
    CHECK(to("250-x\n250 xforward addr") == "XFORWARD ADDR=2001:db8::1");
    CHECK(to("250-x\n250 XFORWARD HELO PORT") == "");
    CHECK(to("250-x\n250 XFORWARD") == "");
    CHECK(to("250-x\n250 XCLIENT NAME") == "");
    CHECK(to("250 x") == "");
}
