// Keys inside LDAP filters and names.
#include "lib/maps/databases/ldap_quote.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

std::string filter(std::string_view text) {
    std::string out;
    REQUIRE(quote_ldap_filter(text, out));
    return out;
}

std::string name(std::string_view text) {
    std::string out;
    REQUIRE(quote_ldap_name(text, out));
    return out;
}

}  // namespace

// The examples of RFC 4515 4.
TEST_CASE("maps/ldap_quote: filters") {
    CHECK(filter("Parens R Us (for all your parenthetical needs)") ==
          "Parens R Us \\28for all your parenthetical needs\\29");
    CHECK(filter("*") == "\\2A");
    CHECK(filter("C:\\MyFile") == "C:\\5CMyFile");
    CHECK(filter(std::string_view("\0\0\0\4", 4)) == "\\00\\00\\00\4");
    CHECK(filter("Lu\xc4\x8di\xc4\x87") == "Lu\xc4\x8di\xc4\x87");
    CHECK(filter("x)(uid=*))(|(uid=*") == "x\\29\\28uid=\\2A\\29\\29\\28|\\28uid=\\2A");
    CHECK(filter("\\2a") == "\\5C2a");
}

// RFC 4514 2.4
TEST_CASE("maps/ldap_quote: names") {
    CHECK(name("James \"Jim\" Smith, III") == "James \\22Jim\\22 Smith\\2C III");
    CHECK(name("a+b;c<d>e=f\\g") == "a\\2Bb\\3Bc\\3Cd\\3Ee\\3Df\\5Cg");
    CHECK(name(" lead and trail ") == "\\20lead and trail\\20");
    CHECK(name(" ") == "\\20");
    CHECK(name("#1#") == "\\231#");
    CHECK(name(std::string_view("a\0b", 3)) == "a\\00b");
    CHECK(name("Lu\xc4\x8di\xc4\x87") == "Lu\xc4\x8di\xc4\x87");
    CHECK(name("").empty());
}
