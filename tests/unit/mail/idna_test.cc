#include "lib/mail/idna.h"

#include "tests/support/catch.h"

using namespace relais;

// The examples of UTS #46, section 1.
TEST_CASE("mail/idna: A-labels, and the letters of which the standards disagree") {
    CHECK(domain_to_ascii("grå.org") == "xn--gr-zia.org");
    CHECK(domain_to_ascii("example.com") == "example.com");
    CHECK(domain_to_ascii("faß.de") == "xn--fa-hia.de");
    CHECK(domain_to_ascii_2003("faß.de") == "fass.de");
    CHECK(domain_to_ascii("βόλος.com") == "xn--nxasmm1c.com");
    CHECK(domain_to_ascii_2003("βόλος.com") == "xn--nxasmq6b.com");
    CHECK(domain_to_utf8("xn--fa-hia.de") == "faß.de");
    CHECK_FALSE(domain_to_ascii("a..ü"));
}
