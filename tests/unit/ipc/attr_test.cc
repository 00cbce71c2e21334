#include "lib/ipc/attr.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::string_literals;
using namespace std::string_view_literals;

TEST_CASE("ipc/attr: the reference example, byte for byte") {
    AttrWriter writer;
    writer.number("number", 4711).string("string", "whoopee").data("data", "whoopee").end();
    CHECK(writer.bytes() == "number\0004711\0string\0whoopee\0data\0d2hvb3BlZQ==\0\0"s);
}

TEST_CASE("ipc/attr: negative numbers are unsigned on the wire") {
    AttrWriter writer;
    writer.number("status", -1).end();
    CHECK(writer.bytes() == "status\0004294967295\0\0"s);
    auto parse = parse_attributes(writer.bytes());
    AttrReader reader(parse.attributes);
    CHECK(reader.signed_number("status") == -1);
    CHECK_FALSE(reader.failed());
}

TEST_CASE("ipc/attr: no value reaches beyond its end") {
    AttrWriter nul;
    nul.string("recipient", "a@b\0nexthop\0evil"sv).end();
    CHECK(nul.bytes() == "recipient\0a@b\0\0"sv);
    AttrWriter plain(AttrEncoding::kPlain);
    plain.string("sender", "a@b\naction=x").end();
    CHECK(plain.bytes() == "sender=a@b\n\n");
}

TEST_CASE("ipc/attr: lists are complete, incomplete or malformed") {
    using Status = AttrParse::Status;
    CHECK(parse_attributes("a\0b\0"s).status == Status::kIncomplete);
    CHECK(parse_attributes("a\0b\0\0x"s).length == 5);
    CHECK(parse_attributes("a\0\0\0"s).attributes == Attributes{{"a", ""}});
    CHECK(parse_attributes("{\0a\0b\0}\0\0"s).attributes == Attributes{{"a", "b"}});
    CHECK(parse_attributes("a=b\n\n", AttrEncoding::kPlain).attributes == Attributes{{"a", "b"}});
    CHECK(parse_attributes("a\n\n", AttrEncoding::kPlain).status == Status::kMalformed);
}

TEST_CASE("ipc/attr: values are taken in order, unwanted ones are skipped") {
    Attributes list{{"x", "1"}, {"flags", "2"}, {"transport", "smtp"}, {"flags", "3"}};
    AttrReader reader(list);
    CHECK(reader.number("flags") == 2);
    CHECK(reader.string("transport") == "smtp");
    CHECK(reader.number("flags") == 3);
    CHECK(reader.at_end());
    CHECK(reader.string("x").empty());
    CHECK(reader.error() == "missing attribute x");
}

// With one that were looked for further on, what lies between would be lost, and a list of many
// recipients be read through for each of them.
TEST_CASE("ipc/attr: what need not be there is taken where it is next, and only there") {
    Attributes list{{"recipient", "a"}, {"reason", "1"}, {"original", "B"}, {"recipient", "b"}};
    AttrReader reader(list);
    CHECK_FALSE(reader.string_if_next("original"));
    CHECK(reader.string("recipient") == "a");
    CHECK(reader.string("reason") == "1");
    CHECK(reader.string_if_next("original") == "B");
    CHECK(reader.string("recipient") == "b");
    CHECK_FALSE(reader.string_if_next("original"));
    CHECK_FALSE(reader.failed());
}

TEST_CASE("ipc/attr: numbers are whole and in range") {
    Attributes list{{"a", "12x"}};
    AttrReader bad(list);
    bad.number("a");
    CHECK(bad.failed());
    Attributes large{{"a", "4294967296"}};
    AttrReader over(large);
    over.number("a");
    CHECK(over.failed());
    AttrReader fine(large);
    CHECK(fine.long_number("a") == 4294967296);
}
