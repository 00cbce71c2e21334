#include "lib/base/strings.h"

#include "lib/base/base64.h"
#include "lib/base/escape.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("base/strings: words and fields") {
    CHECK(split_words("  a b\t c ") == std::vector<std::string_view>{"a", "b", "c"});
    CHECK(split_words("").empty());
    CHECK(split_fields("a::b", ':') == std::vector<std::string_view>{"a", "", "b"});
    CHECK(split_fields("", ':').size() == 1);
    CHECK(trim("  x y\n") == "x y");
}

TEST_CASE("base/strings: numbers are whole or nothing") {
    CHECK(parse_uint("42") == 42);
    CHECK_FALSE(parse_uint("-1"));
    CHECK_FALSE(parse_uint("12x"));
    CHECK_FALSE(parse_uint(""));
    CHECK_FALSE(parse_uint("18446744073709551616"));
    CHECK(parse_int("-7") == -7);
    CHECK(parse_int("+7") == 7);
    CHECK_FALSE(parse_int("+-7"));
}

TEST_CASE("base/strings: UTF-8 is well-formed or replaced") {
    CHECK(is_utf8("caf\xc3\xa9"));
    CHECK_FALSE(is_utf8("\xc0\xaf"));
    CHECK_FALSE(is_utf8("\xed\xa0\x80"));
    CHECK_FALSE(is_utf8("\xf4\x90\x80\x80"));
    CHECK(printable("a\x01\xc3\xa9\xff") == "a?\xc3\xa9?");
    CHECK(printable("\xc3\xa9", '?', Utf8::kNo) == "??");
}

TEST_CASE("base/base64: RFC 4648 section 10") {
    CHECK(base64_encode("foobar") == "Zm9vYmFy");
    CHECK(base64_encode("fooba") == "Zm9vYmE=");
    CHECK(base64_encode("foob") == "Zm9vYg==");
    CHECK(base64_decode("Zm9vYg==") == "foob");
    CHECK(base64_decode("") == "");
    CHECK_FALSE(base64_decode("Zm9vYg="));
    CHECK_FALSE(base64_decode("Zm9v*g=="));
}

TEST_CASE("base/strings: bytes as C writes them") {
    CHECK(escaped("EHLO x\r\n") == "EHLO x\\r\\n");
    CHECK(escaped(std::string_view("a\\\0\x80\t\f", 6)) == "a\\\\\\000\\200\\t\\f");
}
