#include "lib/mail/dsn.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("mail/dsn: enhanced status codes") {
    CHECK(DsnCode::parse("5.1.1") == DsnCode(5, 1, 1));
    CHECK(DsnCode::parse("4.7.999")->to_string() == "4.7.999");
    for (const auto* bad :
         {"", "5", "5.1", "5.1.", "3.1.1", "5.1.1234", "5..1", "5.1.1 x", "51.1"}) {
        CHECK_FALSE(DsnCode::parse(bad));
    }
    CHECK(DsnCode::parse_prefix("5.1.1 x") == DsnCode(5, 1, 1));
    CHECK_FALSE(DsnCode::parse_prefix("5.1.1x"));
    CHECK(DsnCode(5, 1, 1).with_class(4) == DsnCode(4, 1, 1));
}

TEST_CASE("mail/dsn: a code is split from its text") {
    const auto own = split_dsn("  5.7.99  go away", DsnCode(5, 0, 0));
    CHECK(own.code == DsnCode(5, 7, 99));
    CHECK(own.text == "go away");
    const auto none = split_dsn("go away", DsnCode(5, 0, 0));
    CHECK(none.code == DsnCode(5, 0, 0));
    CHECK(none.text == "go away");
}

TEST_CASE("mail/dsn: RFC 3461 parameters") {
    CHECK(parse_notify("SUCCESS,failure") == (kNotifySuccess | kNotifyFailure));
    CHECK(parse_notify("NEVER") == kNotifyNever);
    CHECK_FALSE(parse_notify("NEVER,SUCCESS"));
    CHECK_FALSE(parse_notify("FOO"));
    CHECK_FALSE(parse_notify(""));
    CHECK(format_notify(kNotifySuccess | kNotifyDelay) == "SUCCESS,DELAY");
    CHECK(parse_ret("hdrs") == DsnRet::kHeaders);
    CHECK_FALSE(parse_ret("FOO"));
    CHECK(parse_orcpt("rfc822;a+20b@x") == "rfc822;a b@x");
    CHECK(parse_orcpt("rfc822;") == "rfc822;");
    CHECK(parse_orcpt("utf-8;jos\\x{E9}@x") == "utf-8;jos\xc3\xa9@x");
    CHECK_FALSE(parse_orcpt("x"));
    CHECK_FALSE(parse_orcpt("rfc822;a+zz"));
    CHECK_FALSE(parse_orcpt("rfc822;a+00b"));
}

TEST_CASE("mail/dsn: xtext both ways") {
    CHECK(xtext_encode("a b+c=d", "=") == "a+20b+2Bc+3Dd");
    CHECK(xtext_decode("a+20b+2Bc+3Dd") == "a b+c=d");
    CHECK_FALSE(xtext_decode("a+2"));
    CHECK(xtext_decode("a+2b") == "a+");  // lower case, as Postfix takes it
    CHECK(unitext_decode("\\x{1F600}") == "\xf0\x9f\x98\x80");
    CHECK_FALSE(unitext_decode("\\x{D800}"));
    CHECK_FALSE(unitext_decode("\\x{41"));
}
