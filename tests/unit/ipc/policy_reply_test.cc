#include "lib/ipc/policy_reply.h"

#include "tests/support/catch.h"

using namespace relais;
using State = PolicyReply::State;

// The expectations are what Postfix 3.7.11 does with the same replies
// (tests/oracle/test_policy.py).
TEST_CASE("ipc/policy_reply: the first action counts") {
    const auto reply = parse_policy_reply("x=y\naction=REJECT no = yes\naction=OK\n\nrest");
    CHECK(reply.state == State::kAction);
    CHECK(reply.action == "REJECT no = yes");
    CHECK(reply.length == 38);
    CHECK(parse_policy_reply("action=\n\n").state == State::kAction);
    CHECK(parse_policy_reply("action=\n\n").action.empty());
    CHECK(parse_policy_reply("action=OK\nnonsense\n\n").action == "OK");
}

TEST_CASE("ipc/policy_reply: replies without an action") {
    CHECK(parse_policy_reply("\n").state == State::kNoAction);
    CHECK(parse_policy_reply("x=y\n\n").state == State::kNoAction);
    CHECK(parse_policy_reply("Action=OK\n\n").state == State::kNoAction);
    CHECK(parse_policy_reply(" action=OK\n\n").state == State::kNoAction);
    CHECK(parse_policy_reply("action:OK\n\n").state == State::kNoAction);
    CHECK(parse_policy_reply("action\n\n").state == State::kActionNoValue);
    CHECK(parse_policy_reply("action\naction=OK\n\n").state == State::kActionNoValue);
}

TEST_CASE("ipc/policy_reply: NULs end names and values") {
    using namespace std::string_view_literals;
    CHECK(parse_policy_reply("action\0x=OK\0y\n\n"sv).action == "OK");
    CHECK(parse_policy_reply("\0\naction=OK\n\n"sv).action == "OK");
}

TEST_CASE("ipc/policy_reply: what has not all come yet") {
    CHECK(parse_policy_reply("").state == State::kIncomplete);
    CHECK(parse_policy_reply("action=OK\n").state == State::kIncomplete);
    CHECK_FALSE(parse_policy_reply("action=OK\n").in_value);
    CHECK_FALSE(parse_policy_reply("action=OK\nfo").in_value);
    CHECK(parse_policy_reply("act=OK").in_value);
    // A server that ends its lines with CRLF never sends an empty one.
    CHECK(parse_policy_reply("action=OK\r\n\r\n").state == State::kIncomplete);
}

TEST_CASE("ipc/policy_reply: one without end is given up") {
    CHECK(parse_policy_reply(std::string(kMaxPolicyReply - 1, 'x')).state == State::kIncomplete);
    CHECK(parse_policy_reply(std::string(kMaxPolicyReply, 'x')).state == State::kTooLong);
    std::string lines;
    while (lines.size() < kMaxPolicyReply) {
        lines += "x=1\n";
    }
    CHECK(parse_policy_reply(lines).state == State::kTooLong);
    CHECK(parse_policy_reply(lines + "action=OK\n\n").state == State::kTooLong);
}
