#include "lib/smtp/access_answer.h"

#include "tests/support/catch.h"

using namespace relais::smtp;
using Kind = AccessAnswer::Kind;

// What Postfix 3.7.11 takes the same answers for: tests/oracle/test_access.py.
TEST_CASE("smtp/access_answer: kinds") {
    CHECK(parse_access_answer("").kind == Kind::kEmpty);
    CHECK(parse_access_answer(" \t").kind == Kind::kEmpty);
    CHECK(parse_access_answer("550").kind == Kind::kPermit);
    CHECK(parse_access_answer("12345").kind == Kind::kPermit);
    CHECK(parse_access_answer("450 later").kind == Kind::kReply);
    CHECK(parse_access_answer("450 later").code == 450);
    CHECK(parse_access_answer("350 later").kind == Kind::kOther);
    CHECK(parse_access_answer("5500 later").kind == Kind::kOther);
    CHECK(parse_access_answer("REJECT").kind == Kind::kOther);
}

TEST_CASE("smtp/access_answer: parts") {
    const auto answer = parse_access_answer("REJECT  5.7.1 go away ");
    CHECK(answer.action == "REJECT");
    CHECK(answer.text == "5.7.1 go away ");
    CHECK(parse_access_answer(" DUNNO").action.empty());
}

TEST_CASE("smtp/access_answer: the words of a refusal") {
    CHECK(refusal_words("", "5.7.1", "Access denied").text == "Access denied");
    CHECK(refusal_words("", "5.7.1", "Access denied").dsn == "5.7.1");
    CHECK(refusal_words("4.2.0 later", "5.7.1", "Access denied").dsn == "4.2.0");
    CHECK(refusal_words("4.2.0 later", "5.7.1", "Access denied").text == "later");
    CHECK(refusal_words("4.2.0", "4.7.1", "Access denied").text == "Access denied");
}
