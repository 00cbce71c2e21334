#include "lib/milter/settings.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::milter;
using namespace std::chrono_literals;

TEST_CASE("milter/settings: a list of filters, some with settings of their own") {
    const auto config = Config::from_text(
        "milter_connect_timeout = 5s\nmilter_command_timeout = 2m\nmilter_default_action = "
        "tempfail\n"
        "milter_protocol = 4\n");
    const auto filters =
        parse_filters(config,
                      "inet:a:1, unix:b { inet:c:3, connect_timeout=1h default_action=accept, "
                      "{ content_timeout = 7 }, protocol=2 }");
    REQUIRE(filters);
    REQUIRE(filters->size() == 3);
    CHECK((*filters)[0].name == "inet:a:1");
    CHECK((*filters)[1].name == "unix:b");
    CHECK((*filters)[1].command_timeout == 120s);
    CHECK((*filters)[1].default_action == "tempfail");
    const auto& own = (*filters)[2];
    CHECK(own.name == "inet:c:3");
    CHECK(own.connect_timeout == 1h);
    CHECK(own.command_timeout == 120s);
    CHECK(own.content_timeout == 7s);
    CHECK(own.protocol == "2");
    CHECK(own.default_action == "accept");
    CHECK(parse_filters(config, "")->empty());
}

TEST_CASE("milter/settings: what is wrong with a list") {
    const auto config = Config::from_text("");
    for (const auto* bad :
         {"{ inet:a:1", "{ }", "{ inet:a:1, foo=bar }", "{ inet:a:1, connect_timeout }",
          "{ inet:a:1, connect_timeout=x }", "{ inet:a:1, connect_timeout=0 }"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_filters(config, bad));
    }
}

TEST_CASE("milter/settings: names of macros with and without braces are the same") {
    const auto config = Config::from_text(
        "milter_macro_defaults = x=1, {y}=2 { z = a b }\nmilter_rcpt_macros = i\n");
    const auto settings = macro_settings(config);
    CHECK(settings.defaults.at("{x}") == "1");
    CHECK(settings.defaults.at("{y}") == "2");
    CHECK(settings.defaults.at("{z}") == "a b");
    CHECK(settings.names[static_cast<std::size_t>(Stage::kRcpt)] == "i");
    CHECK(macro_key("i") == "{i}");
    CHECK(macro_key("{i}") == "{i}");
}
