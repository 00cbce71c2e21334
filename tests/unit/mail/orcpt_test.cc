#include "lib/mail/orcpt.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("mail/orcpt: unitext") {
    CHECK(unitext_encode("a b+c=d\\\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\x7f") ==
          "a\\x{20}b\\x{2B}c\\x{3D}d\\x{5C}\\x{FC}\\x{20AC}\\x{1F600}\\x{7F}");
    CHECK(unitext_encode("").empty());
}

TEST_CASE("mail/orcpt: the encoding goes by the type") {
    CHECK(format_orcpt("rfc822;a b+c=d\xc3\xbc@x.test") == "rfc822;a+20b+2Bc+3Dd+C3+BC@x.test");
    CHECK(format_orcpt("UTF-8;a+\xc3\xbc@x.test") == "UTF-8;a\\x{2B}\\x{FC}@x.test");
    CHECK(format_orcpt("utf-8;\xff@x.test") == "utf-8;+FF@x.test");  // no UTF-8: readable at least
    CHECK(format_orcpt("a=b") == "a+3Db");
    // A queue file's type is its writer's choice, and must not begin another command.
    CHECK(format_orcpt("rfc822\r\nRSET=\n;y") == "rfc822+0D+0ARSET+3D+0A;y");
}
