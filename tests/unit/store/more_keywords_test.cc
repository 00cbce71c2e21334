#include "lib/store/more_keywords.h"

#include "tests/support/catch.h"

using namespace relais;
using Names = MoreKeywords::Names;

TEST_CASE("store/more_keywords: lines, and what is none") {
    MoreKeywords found = MoreKeywords::parse(
        "1700000000.M1P1.h\tone Two\nno tab\n\t no base\nx\ttwo one TWO\nempty\t\nlast\tThree");
    CHECK(found.of("1700000000.M1P1.h") == Names{"one", "Two"});
    CHECK(found.of("x") == Names{"two", "one"});
    CHECK(found.of("last") == Names{"Three"});
    CHECK(found.of("empty").empty());
    CHECK(found.of("unknown").empty());
    CHECK(found.names() == Names{"one", "Two", "Three"});
    CHECK(MoreKeywords::parse(found.to_string()).to_string() == found.to_string());
}

TEST_CASE("store/more_keywords: there is room for so many names, of so many characters") {
    std::string line = "a\t";
    for (std::size_t i = 0; i < MoreKeywords::kMostNames - 1; ++i) {
        line += "n" + std::to_string(i) + " ";
    }
    MoreKeywords found = MoreKeywords::parse(line + std::string(256, 'l') + "\n");
    CHECK(found.of("a").size() == MoreKeywords::kMostNames - 1);
    CHECK(found.with_room({"N1", "new", std::string(255, 'k')}) == Names{"N1", "new"});
    CHECK(found.with_room({std::string(256, 'k')}).empty());
    CHECK(found.with_room({}).empty());
    CHECK(MoreKeywords::parse(line + "x y z\n").names().size() == MoreKeywords::kMostNames);
}

TEST_CASE("store/more_keywords: keywords as changes leave them") {
    CHECK(changed_keywords({"a", "b"}, FlagChange::kAdd, {"B", "c"}) == Names{"a", "b", "c"});
    CHECK(changed_keywords({"a", "b"}, FlagChange::kRemove, {"B", "c"}) == Names{"a"});
    CHECK(changed_keywords({"a", "b"}, FlagChange::kReplace, {"c", "B"}) == Names{"b", "c"});
    CHECK(changed_keywords({"a"}, FlagChange::kReplace, {}).empty());
}
