// The sources of a program are in no archive: the test includes the unit itself.
#include "qmgr/feedback.cc"  // NOLINT

#include "tests/support/catch.h"

using namespace relais::qmgr;

static FeedbackRules rules(int initial, int limit, const char* positive = "1",
                           const char* negative = "1", int cohorts = 1) {
    FeedbackRules out;
    out.initial = initial;
    out.limit = limit;
    out.cohort_limit = cohorts;
    out.positive = *FeedbackRate::parse(positive);
    out.negative = *FeedbackRate::parse(negative);
    return out;
}

TEST_CASE("qmgr/feedback: rates are numbers from 0 to 1, fixed or scaled") {
    CHECK(FeedbackRate::parse("1")->at(5) == 1);
    CHECK(FeedbackRate::parse("1/concurrency")->at(4) == 0.25);
    CHECK(FeedbackRate::parse("0.5 / sqrt_concurrency")->at(4) == 0.25);
    CHECK(FeedbackRate::parse("1/5")->at(9) == 0.2);
    CHECK(FeedbackRate::parse("0.25 / 2")->at(1) == 0.125);
    for (const char* bad : {"2", "1/time", "", "x", "-1", "1/0", "2/3/4", "3/concurrency", "nan"}) {
        CAPTURE(bad);
        CHECK_FALSE(FeedbackRate::parse(bad));
    }
}

TEST_CASE("qmgr/feedback: success opens the window up to its limit, when it is used") {
    auto of = rules(2, 4);
    ConcurrencyWindow window(&of);
    window.success(1);
    CHECK(window.size() == 3);
    CHECK(window.applied() == 1);
    window.success(1);
    CHECK(window.size() == 3);
    CHECK_FALSE(window.applied());
    window.success(3);
    window.success(4);
    CHECK(window.size() == 4);
}

TEST_CASE("qmgr/feedback: a failed cohort makes the destination dead") {
    auto of = rules(2, 20);
    ConcurrencyWindow window(&of);
    CHECK_FALSE(window.failure());
    CHECK(window.failure());
    CHECK(window.size() == 0);
    window.reset();
    CHECK(window.size() == 2);
    CHECK_FALSE(window.failure());
    window.success(1);
    CHECK_FALSE(window.failure());
}

// What Postfix 3.7.11 logs with destination_concurrency_feedback_debug.
TEST_CASE("qmgr/feedback: the steps are Postfix's") {
    SECTION("a fixed number, down") {
        auto of = rules(10, 20, "0.7", "0.7", 50);
        ConcurrencyWindow window(&of);
        window.failure();
        CHECK(window.describe() == "limit 20 window 8 success 0 failure 1.3 fail_cohorts 0.1");
        window.failure();
        CHECK(window.describe() == "limit 20 window 8 success 0 failure 0.6 fail_cohorts 0.225");
        window.failure();
        CHECK(window.describe() == "limit 20 window 7 success 0 failure 0.9 fail_cohorts 0.35");
    }
    SECTION("a fixed number, up") {
        auto of = rules(2, 20, "0.7", "0.7", 50);
        ConcurrencyWindow window(&of);
        window.success(2);
        CHECK(window.describe() == "limit 20 window 3 success -0.3 failure 0 fail_cohorts 0");
        window.success(2);
        CHECK(window.describe() == "limit 20 window 3 success 0.4 failure 0 fail_cohorts 0");
    }
    SECTION("a share of the concurrency") {
        auto of = rules(10, 20, "1/concurrency", "1/concurrency", 50);
        ConcurrencyWindow window(&of);
        window.failure();
        window.failure();
        CHECK(window.describe() ==
              "limit 20 window 9 success 0 failure 0.788889 fail_cohorts 0.211111");
    }
    SECTION("none") {
        auto of = rules(10, 20, "0", "0", 50);
        ConcurrencyWindow window(&of);
        window.failure();
        window.success(10);
        CHECK(window.describe() == "limit 20 window 10 success 0 failure 0 fail_cohorts 0");
    }
}
