#include "lib/sync/sync_state.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

// What Dovecot 2.3.19 has printed for one mailbox with one message.
constexpr std::string_view kPrinted =
    "AQAAADPVsThvdA1rFQAAAIPsw3VwdA1rAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAiTE5Uw==";

}  // namespace

TEST_CASE("sync/state: Dovecot's is read", "[unit]") {
    auto state = parse_sync_state(kPrinted);
    REQUIRE(state);
    REQUIRE(state->size() == 1);
    CHECK(state->front() == MailboxState{"33d5b1386f740d6b1500000083ecc375", 0x6b0d7470, 0, 0});
}

TEST_CASE("sync/state: what is written is read", "[unit]") {
    const std::vector<MailboxState> states = {
        {"00112233445566778899aabbccddeeff", 1796043851, 4294967295, 3},
        {"ffeeddccbbaa99887766554433221100", 1, 2, 1},
    };
    CHECK(parse_sync_state(serialize_sync_state(states)) == states);
    CHECK(parse_sync_state(serialize_sync_state({})) == std::vector<MailboxState>());
}

TEST_CASE("sync/state: what is none is told apart", "[unit]") {
    CHECK(parse_sync_state("foo!").error().message == "Invalid base64 data");
    CHECK(parse_sync_state("AAAA").error().message == "Input too small");
    std::string other(kPrinted);
    other[20] = 'x';
    CHECK_FALSE(parse_sync_state(other));
    CHECK_FALSE(parse_sync_state(kPrinted.substr(0, 68)));
}
