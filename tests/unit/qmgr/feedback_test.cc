// The sources of a program are in no archive: the test includes the unit itself.
#include "qmgr/feedback.cc"  // NOLINT

#include "tests/support/catch.h"

using namespace relais::qmgr;

static FeedbackRules rules(int limit) {
    FeedbackRules out;
    out.initial = 2;
    out.limit = limit;
    return out;
}

TEST_CASE("qmgr/feedback: rates are numbers from 0 to 1, fixed or scaled") {
    CHECK(FeedbackRate::parse("1")->at(5) == 1);
    CHECK(FeedbackRate::parse("1/concurrency")->at(4) == 0.25);
    CHECK(FeedbackRate::parse("0.5 / sqrt_concurrency")->at(4) == 0.25);
    CHECK_FALSE(FeedbackRate::parse("2"));
    CHECK_FALSE(FeedbackRate::parse("1/time"));
    CHECK_FALSE(FeedbackRate::parse(""));
}

TEST_CASE("qmgr/feedback: success opens the window up to its limit, when it is used") {
    ConcurrencyWindow window(rules(4));
    window.success(1);
    CHECK(window.size() == 3);
    window.success(1);
    CHECK(window.size() == 3);
    window.success(3);
    window.success(4);
    CHECK(window.size() == 4);
}

TEST_CASE("qmgr/feedback: a failed cohort makes the destination dead") {
    ConcurrencyWindow window(rules(20));
    CHECK_FALSE(window.failure());
    CHECK(window.failure());
    window.reset();
    CHECK(window.size() == 2);
    CHECK_FALSE(window.failure());
    window.success(1);
    CHECK_FALSE(window.failure());
}
