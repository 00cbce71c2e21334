// The sources of a program are in no archive: the test includes the unit itself.
#include "postscreen/dnsbl_sites.cc"  // NOLINT

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::postscreen;

namespace {

std::string trouble(std::string_view text) {
    auto domains = parse_dnsbl_sites(text);
    return domains ? "" : domains.error().message;
}

}  // namespace

TEST_CASE("postscreen/dnsbl sites: domains, filters, weights") {
    auto domains =
        parse_dnsbl_sites("a.test, b.test=127.0.0.[2..4]*3\n b.test=127.0.0.9*-2 c.test*-5");
    REQUIRE(domains);
    REQUIRE(domains->size() == 3);
    CHECK((*domains)[0].domain == "a.test");
    CHECK((*domains)[0].rules[0].weight == 1);
    REQUIRE((*domains)[1].rules.size() == 2);
    CHECK((*domains)[1].rules[1].weight == -2);
    CHECK_FALSE((*domains)[2].rules[0].filter);
    CHECK(parse_dnsbl_sites("")->empty());
}

TEST_CASE("postscreen/dnsbl sites: a rule counts once, whatever the number of answers") {
    const auto domain =
        (*parse_dnsbl_sites("b.test=127.0.0.[2..4]*3 b.test=127.0.0.9*-2 b.test"))[0];
    CHECK(score_answer(domain, "127.0.0.2 127.0.0.3").total == 4);
    CHECK(score_answer(domain, "127.0.0.2 127.0.0.3").heaviest == 3);
    CHECK(score_answer(domain, "127.0.0.9").total == -1);
    CHECK(score_answer(domain, "127.0.0.9 127.0.0.4").total == 2);
    CHECK(score_answer(domain, "").total == 0);
    CHECK_FALSE(score_answer(domain, "").heaviest);
    CHECK(score_answer(domain, "nonsense").total == 1);
}

TEST_CASE("postscreen/dnsbl sites: what makes no sense") {
    CHECK(trouble("a.test*x") == "bad DNSBL weight factor \"x\" in \"a.test*x\"");
    CHECK(trouble("a.test*99999999999") ==
          "bad DNSBL weight factor \"99999999999\" in \"a.test*99999999999\"");
    CHECK(trouble("a..test*2") == "bad DNSBL domain name \"a..test\" in \"a..test*2\"");
    CHECK(trouble("a.test=1.2.3").starts_with("bad DNSBL filter syntax: need \".\""));
}
