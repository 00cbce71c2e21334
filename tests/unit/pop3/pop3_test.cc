#include <limits>
#include <string>

#include "lib/pop3/command_line.h"
#include "lib/pop3/message_text.h"
#include "lib/pop3/uidl_format.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::pop3;

namespace {

std::string sent(std::string_view text, TextRules rules = {}) {
    MessageText message(text, rules);
    std::string out;
    while (message.next(out)) {
    }
    return out;
}

std::string top(std::string_view text, std::uint64_t lines) {
    TextRules rules;
    rules.body_lines = lines;
    return sent(text, rules);
}

std::string uidl(std::string_view format) {
    auto parsed = UidlFormat::parse(format);
    REQUIRE(parsed);
    UidlValues values;
    values.uid = 300;
    values.uid_validity = 1700000000;
    values.file_name = "1700000001.M1P2.Host,S=3";
    values.guid = "0123abcdEF";
    return parsed->expand(values);
}

}  // namespace

TEST_CASE("a command is its word and what follows", "[pop3]") {
    CHECK(parse_command("stat").name == "STAT");
    CHECK(parse_command("LIST  1 2 ").arguments == "1 2 ");
    CHECK(parse_command(" STAT").name.empty());
    CHECK(parse_command("").name.empty());
    CHECK(parse_command("TOP\t1").name == "TOP\t1");
}

TEST_CASE("numbers are taken off the front, and none is too large to be told so", "[pop3]") {
    std::string_view text = "12 3";
    CHECK(take_number(text) == 12);
    CHECK(text == " 3");
    text = "-1";
    CHECK(!take_number(text));
    CHECK(text == "-1");
    text = "18446744073709551616x";
    CHECK(take_number(text) == std::numeric_limits<std::uint64_t>::max());
    CHECK(text == "x");
}

// RFC 1939 3: dots are doubled, the message ends with a dot on a line of its own.
TEST_CASE("a message on the wire", "[pop3]") {
    CHECK(sent("a\nb\n") == "a\r\nb\r\n.\r\n");
    CHECK(sent("a\r\nb") == "a\r\nb\r\n.\r\n");
    CHECK(sent(".\n..a\n.\r\nx.\n") == "..\r\n...a\r\n..\r\nx.\r\n.\r\n");
    CHECK(sent("a\rb\r\r\nc\n") == "a\rb\r\r\nc\r\n.\r\n");
    CHECK(sent("") == "\r\n.\r\n");
    CHECK(sent(".") == "..\r\n.\r\n");
    CHECK(sent("\n") == "\r\n.\r\n");
}

TEST_CASE("TOP has the header, the empty line and so many lines", "[pop3]") {
    CHECK(top("A: b\n\n1\n2\n3\n", 0) == "A: b\r\n\r\n.\r\n");
    CHECK(top("A: b\n\n1\n2\n3\n", 2) == "A: b\r\n\r\n1\r\n2\r\n.\r\n");
    CHECK(top("A: b\n\n1\n2", 9) == "A: b\r\n\r\n1\r\n2\r\n.\r\n");
    CHECK(top("A: b\nno end", 0) == "A: b\r\nno end\r\n.\r\n");
    CHECK(top("\n\n\n", 1) == "\r\n\r\n.\r\n");
    CHECK(top("A: b\r\n\r\n.\r\n", 1) == "A: b\r\n\r\n..\r\n.\r\n");
}

TEST_CASE("workarounds for clients", "[pop3]") {
    TextRules rules;
    rules.replace_nul = true;
    CHECK(sent(std::string_view("a\0b\n", 4), rules) ==
          "a\x80"
          "b\r\n.\r\n");
    rules = {};
    rules.end_header = true;
    CHECK(sent("A: b\n", rules) == "A: b\r\n\r\n.\r\n");
    CHECK(sent("A: b\n\nx\n", rules) == "A: b\r\n\r\nx\r\n.\r\n");
}

TEST_CASE("a long message comes in pieces that make the same text", "[pop3]") {
    std::string text;
    std::string wanted;
    for (int i = 0; i < 20000; ++i) {
        text += ".line\n";
        wanted += "..line\r\n";
    }
    MessageText message(text, {});
    std::string all;
    std::string piece;
    int pieces = 0;
    for (bool more = true; more; ++pieces) {
        piece.clear();
        more = message.next(piece);
        CHECK(piece.size() < 100000);
        all += piece;
    }
    CHECK(pieces > 2);
    CHECK(all == wanted + ".\r\n");
}

TEST_CASE("UIDLs are made as Dovecot makes them", "[pop3]") {
    CHECK(uidl("%08Xu%08Xv") == "0000012c6553f100");
    CHECK(uidl("%v.%u") == "1700000000.300");
    CHECK(uidl("UID%u-%v") == "UID300-1700000000");
    CHECK(uidl("%Xv%%%Xu") == "6553f100%12c");
    CHECK(uidl("%f") == "1700000001.M1P2.Host,S=3");
    CHECK(uidl("%Lg") == "0123abcdef");
    CHECK(uidl("%Ug") == "0123ABCDEF");
    CHECK(uidl("%4g") == "0123");
    CHECK(uidl("%4.3g") == "abc");
    CHECK(uidl("%-3.3g") == "dEF");
    CHECK(uidl("%05u") == "00300");
    CHECK(uidl("%Rg") == "FEdcba3210");
    CHECK(uidl("%08X{uid}%{uidvalidity}") == "0000012c1700000000");
}

TEST_CASE("a format that cannot be told apart or made is refused", "[pop3]") {
    for (std::string_view bad : {"", "x", "%", "%z", "%m", "%{md5}", "%{uid", "%{nonsense}", "%08X",
                                 "%99999999999999999999"}) {
        CAPTURE(bad);
        CHECK(!UidlFormat::parse(bad));
    }
    CHECK(uidl("%99999999999u").size() == 3);
}
