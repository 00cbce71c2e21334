#include "lib/mail/header.h"

#include "lib/mail/address_list.h"
#include "lib/mail/date.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("mail/header: what begins like a header") {
    CHECK(header_name_length("Subject: x") == 7);
    CHECK(header_name_length("Subject : x") == 7);
    CHECK(header_name_length("Subject:") == 7);
    CHECK_FALSE(is_header(": x"));
    CHECK_FALSE(is_header(" Subject: x"));
    CHECK_FALSE(is_header("Sub ject: x"));
    CHECK_FALSE(is_header("From joe Sat"));
    CHECK_FALSE(is_header("caf\xc3\xa9: x"));
    CHECK_FALSE(is_header(""));
    CHECK(header_body("To:  a@b") == "a@b");
}

TEST_CASE("mail/header: the table") {
    for (int i = 1; i <= static_cast<int>(HeaderId::kXMailer); ++i) {
        const auto& info = header_info(static_cast<HeaderId>(i));
        CHECK(info.id == static_cast<HeaderId>(i));
        CHECK(find_header(info.name) == &info);
    }
    REQUIRE(find_header("message-id : <x>"));
    CHECK(find_header("message-id : <x>")->id == HeaderId::kMessageId);
    CHECK((find_header("Resent-To: x")->traits & kHeaderResent) != 0);
    CHECK(find_header("X-Foo: x") == nullptr);
    CHECK(find_header("") == nullptr);
}

TEST_CASE("mail/header: folding joins short lines") {
    CHECK(fold_header("To: a@b,\nc@d") == "To: a@b, c@d");
    const std::string first = "To: " + std::string(50, 'a') + ",";
    const std::string second = std::string(30, 'b');
    CHECK(fold_header(first + "\n" + second + ",\nc") == first + "\n\t" + second + ", c");
}

TEST_CASE("mail/address_list: addresses are found and printed back") {
    struct Row {
        std::string_view in, out;
        std::vector<std::string> addresses;
    };

    // Printed forms as Postfix 3.7.11 prints them.
    const Row rows[] = {
        {"a@b", "a@b", {"a@b"}},
        {"a@b,c@d", "a@b, c@d", {"a@b", "c@d"}},
        {"Joe<joe@x>", "Joe <joe@x>", {"joe@x"}},
        {"\"Joe, Q.\" <joe@x> , a@b", "\"Joe, Q.\" <joe@x>, a@b", {"joe@x", "a@b"}},
        {"John Q. Public <j@x>", "John Q.Public <j@x>", {"j@x"}},
        {"joe@x (Joe (the) Man)", "joe@x (Joe (the) Man)", {"joe@x"}},
        {"team:a@b,c@d;,e@f", "team: a@b, c@d;, e@f", {"a@b", "c@d", "e@f"}},
        {"undisclosed recipients:;", "undisclosed recipients: ;", {}},
        {"<@r1,@r2:u@h>", "<@r1,@r2:u@h>", {"@r1,@r2:u@h"}},
        {"<>", "<>", {""}},
        {"a(c)@b", "a@b (c)", {"a@b"}},
        {"a@b , (c) d", "a@b, d (c)", {"a@b", "d"}},
        {"\"j d\"@[1.2.3.4]", "\"j d\"@[1.2.3.4]", {"\"j d\"@[1.2.3.4]"}},
        {"foo bar, a@b", "foo, bar, a@b", {"foo", "bar", "a@b"}},
        {"", "", {}},
        {"<joe@x", "\"<joe\"@x", {"\"<joe\"@x"}},
        {"joe@x>", "joe@x>", {"joe@x"}},
        {"a@b;c@d", "a@b;, c@d", {"a@b", "c@d"}},
        {"<a@b> <c@d>", "<a@b> <c@d>", {"a@b", "c@d"}},
        {"Hello, World! <a@b>", "Hello, World! <a@b>", {"Hello", "a@b"}},
        {"[foo] <a@b>", "[foo] <a@b>", {"a@b"}},
        {"a@b,,,c", "a@b, , , c", {"a@b", "c"}},
        {"Joe\\, B <a@b>", "\"Joe,\" B <a@b>", {"a@b"}},
    };
    for (const auto& row : rows) {
        const auto list = AddressList::parse(row.in);
        INFO(row.in);
        CHECK(list.print(AddressList::Separator::kBlank) == row.out);
        REQUIRE(list.size() == row.addresses.size());
        for (std::size_t i = 0; i < list.size(); ++i) {
            CHECK(list.external(i) == row.addresses[i]);
        }
    }
}

TEST_CASE("mail/address_list: slots are replaced") {
    auto list = AddressList::parse("Joe <joe> (home),\n\t\"x y\"@b, team: z;");
    REQUIRE(list.size() == 3);
    CHECK(list.internal(1) == "x y@b");
    list.set_external(0, "joe@example.com");
    list.set_external(2, "z@example.com");
    CHECK(list.print() == "Joe <joe@example.com>(home),\n\"x y\"@b,\nteam: z@example.com;");
}

TEST_CASE("mail/address_tokens: hostile text ends somewhere") {
    CHECK(external_address(tokenize_address("\"abc")) == "\"abc\"");
    CHECK(external_address(tokenize_address("\"abc\\")) == "\"abc\"");
    CHECK(tokenize_address("((((").size() == 1);
    CHECK(tokenize_address("a.b.c.d", 3).size() == 3);
    CHECK(internal_address(tokenize_address("\"a\\\"b\"@[x")) == "a\"b@[x]");
}

TEST_CASE("mail/date: printed and read") {
    setenv("TZ", "UTC", 1);
    tzset();
    CHECK(format_mail_date(1795247898) == "Sat, 21 Nov 2026 07:58:18 +0000 (UTC)");
    // What Postfix 3.7.11 prints: the day is padded with a blank.
    CHECK(format_mail_date(1796403446) == "Fri,  4 Dec 2026 16:57:26 +0000 (UTC)");
    CHECK(format_imap_date(1795247898) == "21-Nov-2026 07:58:18 +0000");
    CHECK(format_imap_date(0) == " 1-Jan-1970 00:00:00 +0000");
    CHECK(parse_mail_date("Sat, 21 Nov 2026 07:58:18 +0000 (UTC)")->when == 1795247898);
    CHECK(parse_mail_date("21 Nov 2026 08:58:18 +0100")->when == 1795247898);
    CHECK(parse_mail_date("Sat, 21 Nov 26 02:58 EST")->when == 1795247880);
    CHECK(parse_mail_date("21 Nov 2026 08:58:18 +0100")->day == 21);
    CHECK(parse_imap_date("21-Nov-2026 07:58:18 +0000")->when == 1795247898);
    CHECK(parse_imap_date(" 1-Feb-1994")->month == 2);
    for (const auto* bad : {"", "x", "31 Feb 2026 00:00 +0000", "1 Foo 2026 00:00 +0000",
                            "1 Jan 2026 25:00 +0000", "1 Jan 2026 00:00 +00x0"}) {
        CHECK_FALSE(parse_mail_date(bad));
    }
    CHECK_FALSE(parse_imap_date("21-Nov-26"));
}
