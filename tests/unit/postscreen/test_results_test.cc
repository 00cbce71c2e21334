// The sources of a program are in no archive: the test includes the unit itself.
#include "postscreen/test_results.cc"  // NOLINT

#include "tests/support/catch.h"

using namespace relais::postscreen;

namespace {

constexpr TestSet kAll = kEarlyTests | kDeepTests;

}  // namespace

TEST_CASE("postscreen/test results: an entry there and back") {
    const auto results = parse_results("1796067571;1;1798573171;0;20");
    CHECK(results.until == std::array<std::time_t, 5>{1796067571, 1, 1798573171, 0, 20});
    CHECK(format_results(results, kAll) == "1796067571;1;1798573171;0;20");
    CHECK(results.is_new());
    CHECK_FALSE(parse_results("5;1;5;1;1").is_new());
}

TEST_CASE("postscreen/test results: what is not there was not enabled then") {
    CHECK(format_results(parse_results(""), kAll) == "1;1;1;1;1");
    CHECK(format_results(parse_results("garbage"), kAll) == "1;1;1;1;1");
    CHECK(format_results(parse_results("7;8"), kAll) == "7;8;1;1;1");
    CHECK(format_results(parse_results("7;x;9"), kAll) == "7;1;1;1;1");
    CHECK(format_results(parse_results("7;8;9;10;11;12"), kAll) == "7;8;9;10;11");
    CHECK(format_results(parse_results("99999999999999999999999;2"), kAll) == "1;1;1;1;1");
}

TEST_CASE("postscreen/test results: disabled tests that were never passed get a mark") {
    CHECK(format_results(TestResults(), only(Test::kPregreet)) == "0;1;1;1;1");
    CHECK(format_results(TestResults(), kAll) == "0;0;0;0;0");
}

TEST_CASE("postscreen/test results: what has expired") {
    const auto results = parse_results("100;200;0;1;300");
    CHECK(results.expired(kAll, 100) == (only(Test::kPipelining) | only(Test::kNonSmtp)));
    CHECK(results.expired(kAll, 101) ==
          (only(Test::kPregreet) | only(Test::kPipelining) | only(Test::kNonSmtp)));
    CHECK(results.expired(only(Test::kPregreet) | only(Test::kBareNewline), 301) ==
          (only(Test::kPregreet) | only(Test::kBareNewline)));
    CHECK(results.expired(0, 1000) == 0);
}
