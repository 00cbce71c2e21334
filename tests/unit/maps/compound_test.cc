// Tables made of tables: pipemap, unionmap, randmap, debug.
#include <set>

#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/maps/registry.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

std::unique_ptr<Table> table(std::string_view reference, TableFlags flags = 0) {
    set_conf(Config::from_text("myhostname = a.example\n"));
    auto opened = open_table(reference, OpenMode::kRead, flags);
    REQUIRE(opened);
    return std::move(*opened);
}

std::string shown(const Lookup& answer) {
    return answer.is_found() ? answer.value() : answer.is_missing() ? "(none)" : "(error)";
}

std::string ask(std::string_view reference, std::string_view key, TableFlags flags = 0) {
    auto opened = table(reference, flags);
    std::string at_once = shown(opened->find(key));
    CHECK(shown(Loop::current().run_task(opened->lookup(std::string(key)))) == at_once);
    return at_once;
}

}  // namespace

TEST_CASE("maps/pipemap: each answer is the next key") {
    CHECK(ask("pipemap:{inline:{a=b},inline:{b=c}}", "a") == "c");
    CHECK(ask("pipemap:{inline:{a=x},inline:{b=c}}", "a") == "(none)");
    CHECK(ask("pipemap:{inline:{a=b},fail:x}", "a") == "(error)");
    CHECK(ask("pipemap:{inline:{a=b},fail:x}", "z") == "(none)");
    CHECK(ask("pipemap:{inline:{a=B},inline:{b=c}}", "A", table_flag::kFoldFixed) == "c");
}

TEST_CASE("maps/unionmap: the answers of all, and a failure of one is a failure") {
    CHECK(ask("unionmap:{inline:{a=1},inline:{b=2},inline:{a=3}}", "a") == "1,3");
    CHECK(ask("unionmap:{inline:{a=1},inline:{b=2}}", "c") == "(none)");
    CHECK(ask("unionmap:{inline:{a=1},fail:x}", "a") == "(error)");
}

TEST_CASE("maps/compound: the first member says whether partial keys make sense") {
    CHECK(table("unionmap:{static:a,inline:{b=c}}")->is_fixed());
    CHECK(table("unionmap:{static:a,regexp:{{/a/ b}}}")->is_fixed());
    CHECK_FALSE(table("unionmap:{regexp:{{/a/ b}},static:a}")->is_fixed());
    CHECK_FALSE(table("pipemap:{cidr:{},static:a}")->is_fixed());
    CHECK(table("debug:static:a")->is_fixed());
}

TEST_CASE("maps/randmap: every value comes up") {
    auto opened = table("randmap:{a, {b c}, d}");
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        seen.insert(opened->find("x").value());
    }
    CHECK(seen == std::set<std::string>{"a", "{b c}", "d"});
}

TEST_CASE("maps/debug: passes everything on") {
    CHECK(ask("debug:inline:{a=b}", "A", table_flag::kFoldFixed) == "b");
    CHECK(ask("debug:debug:static:v", "k") == "v");
    CHECK(ask("debug:fail:x", "k") == "(error)");
    auto opened = open_table("debug:internal:n", OpenMode::kCreate, 0);
    REQUIRE(opened);
    REQUIRE((*opened)->update("k", "v"));
    CHECK(shown((*opened)->find("k")) == "v");
    CHECK((*opened)->erase("k") == true);
    CHECK((*opened)->erase("k") == false);
    auto missing = open_table("debug:name", OpenMode::kRead, 0);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().message ==
          "open dictionary: expecting \"type:name\" form instead of \"name\"");
}
