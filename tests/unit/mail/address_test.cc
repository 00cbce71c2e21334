#include "lib/mail/address.h"

#include <random>

#include "lib/mail/address_list.h"
#include "lib/mail/hostname.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("mail/address: the local part is quoted only where it is no dot-string") {
    CHECK(quote_address("joe@example.com") == "joe@example.com");
    CHECK(quote_address("john smith@example.com") == "\"john smith\"@example.com");
    CHECK(quote_address("a@b@c") == "\"a@b\"@c");
    CHECK(quote_address(".a@b") == "\".a\"@b");
    CHECK(quote_address("a..b@c") == "\"a..b\"@c");
    CHECK(quote_address("a\"b\\@c") == "\"a\\\"b\\\\\"@c");
    CHECK(quote_address("@c") == "\"\"@c");
    CHECK(quote_address("joe") == "joe");
    CHECK(quote_address("").empty());
    CHECK(quote_address("jos\xc3\xa9@x") == "jos\xc3\xa9@x");
}

TEST_CASE("mail/address: quoting goes away and comes back") {
    CHECK(unquote_address("\"john smith\"@example.com") == "john smith@example.com");
    CHECK(unquote_address("\"a\\\"b\"@c") == "a\"b@c");
    CHECK(unquote_address("@a,@b:\"x y\"@c") == "@a,@b:x y@c");
    CHECK(unquote_address("\"a\\") == "a");
    for (const auto* text : {"a b@c", "\"@c", "a\\@c", "a@b@c", "x@[1.2.3.4]"}) {
        CHECK(unquote_address(quote_address(text)) == text);
    }
}

TEST_CASE("mail/address: what is plain is read as it is by the parser of lists") {
    constexpr std::string_view kLetters = "ab1.-_=+!%'@\"<>(): ,";
    std::minstd_rand random(7);
    int plain = 0;
    for (int i = 0; i < 200'000; ++i) {
        std::string text;
        for (auto left = random() % 9; left > 0; --left) {
            text += kLetters[random() % kLetters.size()];
        }
        if (is_plain_address(text)) {
            const auto list = AddressList::parse(text);
            INFO(text);
            REQUIRE(list.size() == 1);
            REQUIRE(list.internal(0) == text);
            REQUIRE(list.is_bare());
            REQUIRE(quote_address(text) == text);
            ++plain;
        }
    }
    CHECK(plain > 1000);
    CHECK(is_plain_address("u1@virt.test"));
    for (const auto* text :
         {"a!b@c", "a%b@c", "a@b@c", "a..b@c", "@c", "a@", "a@c.", "\"a\"@c", ""}) {
        CHECK_FALSE(is_plain_address(text));
    }
}

TEST_CASE("mail/address: extensions") {
    const auto stripped = strip_extension("bob+news@example.com", "+", "double-bounce");
    REQUIRE(stripped);
    CHECK(stripped->address == "bob@example.com");
    CHECK(stripped->extension == "news");
    CHECK(stripped->delimited_extension == "+news");
    CHECK_FALSE(strip_extension("bob+news@example.com", "", "double-bounce"));
    CHECK_FALSE(strip_extension("+news@example.com", "+", "double-bounce"));
    CHECK_FALSE(strip_extension("mailer-daemon", "-", "double-bounce"));
    CHECK_FALSE(strip_extension("double-bounce@x", "-", "double-bounce"));
    CHECK_FALSE(strip_extension("owner-list@x", "-", "double-bounce"));
    CHECK_FALSE(strip_extension("list-request@x", "-", "double-bounce"));
    CHECK(strip_extension("owner-list@x", "-", "double-bounce", OwnerRequest::kOrdinary));
    CHECK(strip_extension("owner-list+x@x", "+", "double-bounce"));
    CHECK(strip_extension("a-b+c@x", "+-", "double-bounce")->extension == "b+c");
}

TEST_CASE("mail/hostname: names") {
    for (const auto* good : {"a", "mx.example.com", "foo_bar.x", "3com.com", "a-b", "1.2.3.4x"}) {
        CHECK(is_hostname(good));
    }
    for (const auto* bad :
         {"", ".", "a..b", ".a", "a.", "-x", "x-", "a.-b", "a b", "1.2.3.4", "42", "a!b"}) {
        CHECK_FALSE(is_hostname(bad));
    }
    CHECK(is_hostname(std::string(63, 'a')));
    CHECK_FALSE(is_hostname(std::string(64, 'a')));
}

TEST_CASE("mail/hostname: addresses and literals") {
    CHECK(is_ipv4("127.0.0.1"));
    CHECK_FALSE(is_ipv4("127.0.0.256"));
    CHECK_FALSE(is_ipv4("127.0.0"));
    CHECK(is_ip_address("::1"));
    CHECK(is_address_literal("[127.0.0.1]"));
    CHECK(is_address_literal("[IPv6:::1]"));
    CHECK(is_address_literal("[ipv6:2001:db8::1]"));
    CHECK_FALSE(is_address_literal("[IPv6:127.0.0.1]"));
    CHECK_FALSE(is_address_literal("[1.2.3]"));
    CHECK_FALSE(is_address_literal("[]"));
    CHECK(literal_address("IPv6:::1") == "::1");
}

TEST_CASE("mail/hostname: host and port") {
    CHECK(parse_host_port("[127.0.0.1]:2525", "25")->port == "2525");
    CHECK(parse_host_port("[IPv6:::1]", "25")->host == "::1");
    CHECK(parse_host_port("mx.example.com:smtp", "25")->port == "smtp");
    CHECK(parse_host_port("mx.example.com", "25")->port == "25");
    CHECK(parse_host_port("[mx.example.com]", "25")->bracketed);
    CHECK_FALSE(parse_host_port("[x", "25"));
    CHECK_FALSE(parse_host_port(":25", "25"));
    CHECK_FALSE(parse_host_port("[x]y", "25"));
}
