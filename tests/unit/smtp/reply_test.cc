#include "lib/smtp/reply.h"

#include "lib/smtp/capabilities.h"
#include "lib/smtp/reject_footer.h"

#include "tests/support/catch.h"

using namespace relais::smtp;

TEST_CASE("smtp/reply: lines make a reply") {
    ReplyParser parser;
    CHECK_FALSE(parser.line("250-mx.example.com"));
    CHECK(parser.line("250 SIZE\r"));
    auto reply = parser.take();
    CHECK(reply.code == 250);
    CHECK(reply.text == "250-mx.example.com\n250 SIZE");
    CHECK(reply.dsn == "2.0.0");
    CHECK(parser.line("550 5.1.1 unknown user"));
    reply = parser.take();
    CHECK(reply.dsn == "5.1.1");
    CHECK(reply.one_line() == "550 5.1.1 unknown user");
    CHECK(parser.line("354"));
    CHECK(parser.take().dsn == "2.0.0");
}

TEST_CASE("smtp/reply: an enhanced code of another class does not count") {
    ReplyParser parser;
    CHECK(parser.line("450 5.1.1 x"));
    CHECK(parser.take().dsn == "4.0.0");
}

TEST_CASE("smtp/reply: garbage is told apart") {
    ReplyParser parser;
    CHECK_FALSE(parser.line("hello there"));
    CHECK(parser.line("999 x"));
    CHECK(parser.take().code == 0);
    CHECK(parser.line("000 x"));
    CHECK(parser.take().code == 0);
    CHECK_FALSE(parser.line("2500 x"));
    for (const char* good : {"250", "250 ", "250-", "000 x", "999-x"}) {
        CHECK(is_reply_line(good));
    }
    for (const char* bad : {"", "25", "2500", "250ok", "250\tok", " 250 ok", "+250 ok", "hello"}) {
        CHECK_FALSE(is_reply_line(bad));
    }
}

TEST_CASE("smtp/reply: text is bounded") {
    ReplyParser parser(100);
    for (int i = 0; i < 1000; ++i) {
        CHECK_FALSE(parser.line("250-" + std::string(50, 'x')));
    }
    CHECK(parser.cut_off());
    CHECK(parser.line("250 ok"));
    CHECK(parser.take().text.size() < 300);
    CHECK_FALSE(parser.cut_off());
}

TEST_CASE("smtp/reply: formatting") {
    CHECK(format_reply("250 2.0.0 Ok") == "250 2.0.0 Ok\r\n");
    CHECK(format_reply("250 a\nb\nc") == "250-a\r\n250-b\r\n250 c\r\n");
    CHECK(soften_reply("550 5.1.1 x") == "450 4.1.1 x");
    CHECK(soften_reply("550 x") == "450 x");
    CHECK(soften_reply("250 2.0.0 Ok") == "250 2.0.0 Ok");
    const auto parts = split_reply("550 5.1.1 no user");
    CHECK(parts.code == 550);
    CHECK(parts.dsn == relais::DsnCode(5, 1, 1));
    CHECK(parts.text == "no user");
}

TEST_CASE("smtp/capabilities: EHLO answers") {
    auto caps = Capabilities::parse(
        "250-mx.example.com hello\n250-SIZE 1000\n250-AUTH=LOGIN\n250-AUTH PLAIN\n250 8BITMIME");
    CHECK(caps.host() == "mx.example.com");
    CHECK(caps.size_limit() == 1000);
    CHECK(caps.arguments("auth") == "LOGIN PLAIN");
    CHECK(caps.has("8bitmime"));
    CHECK_FALSE(caps.has("PIPELINING"));
    caps.discard("8bitmime");
    CHECK_FALSE(caps.has("8BITMIME"));
    CHECK(Capabilities::parse("").host().empty());
}

TEST_CASE("smtp/reply: a footer is more lines, or the rest of the last one") {
    CHECK(add_footer("550 5.7.1 No", "For help: x") == "550 5.7.1 No\n5.7.1 For help: x");
    CHECK(add_footer("550 No", "a\\nb\nc") == "550 No\na\nb\nc");
    CHECK(add_footer("450 4.3.2 Later", "\\c. Call us\\nsoon") ==
          "450 4.3.2 Later. Call us\n4.3.2 soon");
    CHECK(format_reply(add_footer("550 5.7.1 No", "x")) == "550-5.7.1 No\r\n550 5.7.1 x\r\n");
    CHECK(add_footer("550 No", "") == "550 No");
    CHECK(add_footer("550 No", "a\\n") == "550 No\na\n");
}
