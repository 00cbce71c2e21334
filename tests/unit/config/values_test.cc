// Times, booleans, numbers and lists.
#include "lib/config/values.h"

#include "lib/config/compat_level.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

TEST_CASE("config/values: times as Postfix reads them") {
    CHECK(parse_time("5", 's') == 5s);
    CHECK(parse_time("5", 'd') == 5 * 24h);
    CHECK(parse_time("5m", 's') == 5min);
    CHECK(parse_time("5mm", 's') == 5min);
    CHECK(parse_time("5h extra", 's') == 5h);
    CHECK(parse_time("2w", 's') == 14 * 24h);
    CHECK(parse_time("0", 's') == 0s);
    CHECK_FALSE(parse_time("5M", 's'));
    CHECK_FALSE(parse_time("5 m", 's'));
    CHECK_FALSE(parse_time("-5", 's'));
    CHECK_FALSE(parse_time("", 's'));
    CHECK_FALSE(parse_time("2147483647m", 's'));
    CHECK_FALSE(parse_time("99999999999999999999", 's'));
}

TEST_CASE("config/values: booleans and numbers") {
    CHECK(parse_bool("YES") == true);
    CHECK(parse_bool("no") == false);
    CHECK_FALSE(parse_bool(""));
    CHECK_FALSE(parse_bool("y"));
    CHECK(parse_int_value("-12") == -12);
    CHECK(parse_int_value("+12") == 12);
    CHECK_FALSE(parse_int_value("0x10"));
    CHECK_FALSE(parse_int_value("2147483648"));
    CHECK(parse_long_value("2147483648") == 2147483648L);
    CHECK_FALSE(parse_long_value("+-1"));
}

TEST_CASE("config/values: lists keep groups in braces together") {
    using List = std::vector<std::string>;
    CHECK(split_list(" a, b,,c\td ") == List{"a", "b", "c", "d"});
    CHECK(split_list("inline:{ {a = b c}, d=e } x") == List{"inline:{ {a = b c}, d=e }", "x"});
    CHECK(split_list("") == List{});
    CHECK(split_list("{ a, b") == List{"{ a, b"});
    CHECK(split_list("a} b") == List{"a}", "b"});
}

TEST_CASE("config/values: braces are taken off") {
    CHECK(strip_braces("{ a b }").value() == "a b");
    CHECK(strip_braces("{a {b} }").value() == "a {b}");
    CHECK(strip_braces("{a b").error().message == "missing '}' in \"{a b\"");
    CHECK(strip_braces("{a} b").error().message == "syntax error after '}' in \"{a} b\"");
    CHECK(parse_assignment("{ a = b c }")->value == "b c");
    CHECK(parse_assignment("a=b=c")->value == "b=c");
}

TEST_CASE("config/compat_level: three parts, ten bits for the last two") {
    CHECK(parse_compat_level("2") == 2 << 20);
    CHECK(parse_compat_level("3.6") == (3 << 20 | 6 << 10));
    CHECK(parse_compat_level("3.6.1") == (3 << 20 | 6 << 10 | 1));
    CHECK(parse_compat_level("3.11") > parse_compat_level("3.9"));
    CHECK_FALSE(parse_compat_level("3.x"));
    CHECK_FALSE(parse_compat_level("3.6.1.2"));
    CHECK_FALSE(parse_compat_level(""));
    CHECK_FALSE(parse_compat_level("3.1024"));
}
