#include "lib/sync/doveadm_wire.h"

#include "lib/sync/doveadm_replica.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::doveadm_wire;
using namespace std::string_literals;
using Kind = Piece::Kind;

TEST_CASE("sync/doveadm_wire: what the client says") {
    // As Debian's doveadm says it, with the password "geheim".
    CHECK(login_line("geheim") == "PLAIN\tAGRvdmVhZG0AZ2VoZWlt\n");
    CHECK(command_line("u0", {"mailbox list", "-u", "u0", "--"}) ==
          "\tu0\tmailbox list\t-u\tu0\t--\n");
    CHECK(command_line("a\tb", {"x\ny"}) == "\ta\001tb\tx\001ny\n");
    CHECK(dotted("a\n.\n..b") == "a\n..\n...b\n.\n");
    CHECK(dotted("") == ".\n");
}

TEST_CASE("sync/doveadm_wire: frames, however they come") {
    const std::string bytes = "\0\0\0\0\x04"s + "1\t2\t" + "L\0\0\0\x07"s + "\004lines\n" +
                              "\0\0\0\0\x03"s + "\n+\n" + "L\0\0\0\x02"s + "\004h";
    for (std::size_t step : {1U, 3U, 100U}) {
        Frames frames;
        std::string answers;
        std::vector<std::string> log;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            REQUIRE(frames.take(std::string_view(bytes).substr(at, step), answers, log));
        }
        CHECK(answers == "1\t2\t\n+\n");
        CHECK(log == std::vector<std::string>{"lines"});
    }
    Frames frames;
    std::string answers;
    std::vector<std::string> log;
    CHECK_FALSE(frames.take("x\0\0\0\1"s, answers, log));
    CHECK_FALSE(Frames().take("\0\xff\0\0\0"s, answers, log));
}

TEST_CASE("sync/doveadm_wire: values and the end") {
    CHECK(next_piece("").kind == Kind::kMore);
    CHECK(next_piece("half").kind == Kind::kMore);
    CHECK(next_piece("\n-NOU").kind == Kind::kMore);
    const Piece value = next_piece("a\001tb\trest");
    CHECK(value.kind == Kind::kValue);
    CHECK(value.value == "a\tb");
    CHECK(value.size == 5);
    CHECK(next_piece("\tx").value.empty());
    // What was searched before is not searched again.
    CHECK(next_piece("half and more\tx", 4).value == "half and more");
    CHECK(next_piece("a\tb", 2).kind == Kind::kMore);
    CHECK(next_piece("\n-NOUSER\n", 4).value == "NOUSER");
    CHECK(next_piece("\n+\n", 1).kind == Kind::kEnd);
    CHECK(next_piece("\n+\n").value.empty());
    CHECK(next_piece("\n+\n").kind == Kind::kEnd);
    CHECK(next_piece("\n-NOUSER\nx").value == "NOUSER");
    CHECK(next_piece("\n-NOUSER\nx").size == 9);
    CHECK(next_piece("\n-\n").value == "-");
    CHECK(next_piece("\nwhat\n").value == "-");
}

TEST_CASE("sync/doveadm_replica: a row of a message") {
    auto message =
        parse_fetched_row({"7", "a b", "\\Seen \\Recent k1 $K2", "1700000000", "19", "u1", "3"});
    REQUIRE(message);
    CHECK(message->uid == 7);
    CHECK(message->guid == "a_b");
    CHECK(message->flags.system == 8);
    CHECK(message->flags.keywords == std::vector<std::string>{"$K2", "k1"});
    CHECK(message->received == 1700000000);
    CHECK(message->size == 19);
    CHECK(message->extensions == "Pu1 O3");
    CHECK_FALSE(parse_fetched_row({"7", "g", "", "", "", ""}));
    CHECK_FALSE(parse_fetched_row({"0", "g", "", "", "", "", ""}));
    CHECK_FALSE(parse_fetched_row({"4294967296", "g", "", "", "", "", ""}));
    CHECK(parse_fetched_row({"1", "", "", "x", "y", "", ""})->guid == "_");
}
