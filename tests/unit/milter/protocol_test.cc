#include "lib/milter/protocol.h"

#include <sys/socket.h>

#include "tests/support/catch.h"

using namespace relais::milter;
using namespace std::string_literals;

namespace {

std::string packet(char code, const std::string& data) {
    return make_packet(static_cast<Event>(code), data);
}

}  // namespace

TEST_CASE("milter/protocol: a packet is its length, a code and data") {
    CHECK(make_packet(Event::kQuit, {}) == "\0\0\0\1Q"s);
    CHECK(make_packet(Event::kHelo, "ab\0"s) == "\0\0\0\4Hab\0"s);
    CHECK(make_macros(Event::kRcpt, {{"i", "1A"}, {"{x}", ""}}) == "\0\0\0\014DRi\0001A\0{x}\0\0"s);
}

TEST_CASE("milter/protocol: packets are taken from the front, when they are complete") {
    const auto bytes = packet('c', "") + packet('y', "450 x\0"s);
    for (std::size_t cut = 0; cut < 5; ++cut) {
        CHECK(take_packet(bytes.substr(0, cut)).status == PacketParse::Status::kNeedMore);
    }
    auto parse = take_packet(bytes);
    CHECK(parse.packet.code == 'c');
    CHECK(parse.packet.data.empty());
    CHECK(parse.used == 5);
    parse = take_packet(std::string_view(bytes).substr(5));
    CHECK(parse.packet.code == 'y');
    CHECK(parse.packet.data == "450 x\0"s);
}

TEST_CASE("milter/protocol: lengths that cannot be are refused before a byte is read for them") {
    CHECK(take_packet("\0\0\0\0"s).error == "bad packet length: 0");
    CHECK(take_packet("\xff\xff\xff\xff"s).status == PacketParse::Status::kBad);
    CHECK(take_packet("\1\0\0\1"s).status == PacketParse::Status::kBad);
    CHECK(take_packet("\1\0\0\0"s).status == PacketParse::Status::kNeedMore);
}

TEST_CASE("milter/protocol: milter_protocol says what may be negotiated") {
    CHECK(parse_protocol("6")->bits == 0x1fffff);
    CHECK(parse_protocol("4")->bits == 0x37f);
    CHECK(parse_protocol("3")->bits == 0x17f);
    CHECK(parse_protocol("2, no_header_reply")->bits == 0xff);
    CHECK(parse_protocol("2, no_header_reply")->version == 2);
    CHECK(parse_protocol("5").error().message == "bad protocol information: 5");
    CHECK(parse_protocol("4 6").error().message == "bad protocol information: 6");
    CHECK(parse_protocol("no_header_reply").error().message == "no protocol version information");
    CHECK(events_beyond(2) == (kNoUnknown | kNoData));
    CHECK(events_beyond(3) == kNoData);
    CHECK(events_beyond(5) == 0);
    CHECK(events_beyond(6) == 0);
    CHECK_FALSE(events_beyond(1));
}

TEST_CASE("milter/protocol: options with lists of macros take the place of some of ours") {
    MacroNames ours;
    ours[static_cast<std::size_t>(Stage::kHelo)] = "helo";
    const auto plain = parse_options("\0\0\0\6\0\0\1\xff\0\0\0\0"s, ours);
    REQUIRE(plain);
    CHECK(plain->version == 6);
    CHECK(plain->actions == 0x1ff);
    CHECK_FALSE(plain->macros);
    const auto listed =
        parse_options("\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\5{a} b\0\0\0\0\6eoh\0\0\0\0\7x\0"s, ours);
    REQUIRE(listed);
    REQUIRE(listed->macros);
    CHECK((*listed->macros)[static_cast<std::size_t>(Stage::kEndOfBody)] == "{a} b");
    CHECK((*listed->macros)[static_cast<std::size_t>(Stage::kEndOfHeaders)] == "eoh");
    CHECK((*listed->macros)[static_cast<std::size_t>(Stage::kHelo)] == "helo");
    CHECK(listed->unknown == std::vector<std::uint32_t>{7});
    CHECK_FALSE(parse_options("\0\0\0\6"s, ours));
    CHECK_FALSE(parse_options("\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\1no end"s, ours));
}

TEST_CASE("milter/protocol: clients with and without a name") {
    CHECK(connect_data({"a.test", "10.1.2.3", "258", AF_INET}) == "a.test\0004\1\00210.1.2.3\0"s);
    CHECK(connect_data({"unknown", "::1", "65536", AF_INET6}) == "[::1]\0006\0\0::1\0"s);
    CHECK(connect_data({"unknown", "unknown", "0", 0}) == "unknown\0U"s);
}

TEST_CASE("milter/protocol: changes") {
    auto edit = parse_edit({'i', "\0\0\0\2Name\0value\0"s});
    REQUIRE(edit);
    REQUIRE(*edit);
    CHECK((*edit)->kind == Edit::Kind::kInsertHeader);
    CHECK((*edit)->index == 2);
    CHECK((*edit)->name == "Name");
    CHECK((*edit)->value == "value");
    edit = parse_edit({'m', "\0\0\0\0Name\0\0"s});
    CHECK((*edit)->index == 1);
    CHECK((*edit)->value.empty());
    edit = parse_edit({'e', "<a@b>\0RET=FULL\0"s});
    CHECK((*edit)->kind == Edit::Kind::kChangeSender);
    CHECK((*edit)->value == "RET=FULL");
    edit = parse_edit({'2', "<a@b>\0"s});
    CHECK((*edit)->kind == Edit::Kind::kAddRecipient);
    CHECK((*edit)->value.empty());
    CHECK((*parse_edit({'b', "x\0y"s}))->value == "x\0y"s);
    CHECK_FALSE(parse_edit({'c', {}}));
}

TEST_CASE("milter/protocol: changes that are malformed") {
    using relais::Errc;
    CHECK((*parse_edit({'i', "\0\0"s})).error().message ==
          "input packet too short for network long");
    CHECK((*parse_edit({'h', {}})).error().message == "packet too short for string");
    CHECK((*parse_edit({'h', "a"})).error().message == "missing string null terminator");
    CHECK((*parse_edit({'h', "a\0b\0cc"s})).error().message == "left-over data 2 bytes");
    CHECK((*parse_edit({'+', "a\0b\0"s})).error().code == Errc::kSyntax);
    CHECK((*parse_edit({'m', "\0\0\0\1\0b\0"s})).error().code == Errc::kNotFound);
}

TEST_CASE("milter/protocol: a filter's own replies") {
    CHECK(parse_reply("550 5.7.1 no\0"s) == "550 5.7.1 no");
    CHECK(parse_reply("451-4.7.1 a\r\n451 4.7.1 b") == "451-4.7.1 a\r\n451 4.7.1 b");
    CHECK(parse_reply("550 no\r\n") == "550 no");
    CHECK(parse_reply("550 a 100%% of %s%") == "550 a 100% of s");
    CHECK(parse_reply("450 ") == "450 ");
    for (const auto* bad :
         {"", "55", "550", "250 ok", "550 4.7.1 x", "550_x", "x50 y", "550-a", "550-a\r\n551 b",
          "550 a\r\n550 b", "550-a\r\nfoo", "550 a\nb", "550-5.1.1 a\r\n550 4.1.1 b"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_reply(bad));
    }
}
