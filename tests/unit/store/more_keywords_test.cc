#include "lib/store/more_keywords.h"

#include <chrono>

#include <stdlib.h>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

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
    CHECK(found.names() == MoreKeywords::NameSet{"one", "Two", "Three"});
    CHECK(found.names().contains("THREE"));
    CHECK(MoreKeywords::parse(found.to_string()).to_string() == found.to_string());
}

TEST_CASE("store/more_keywords: there is room for so many names, of so many characters") {
    std::string line = "a\t";
    for (std::size_t i = 0; i < MoreKeywords::kMostNames - 1; ++i) {
        line += "n" + std::to_string(i) + " ";
    }
    MoreKeywords found = MoreKeywords::parse(line + std::string(256, 'l') + "\n");
    CHECK(found.of("a").size() == MoreKeywords::kMostNames - 1);
    CHECK(found.with_room({"N1", "new", std::string(255, 'k')}) ==
          MoreKeywords::NameSet{"N1", "new"});
    CHECK(found.with_room({std::string(256, 'k')}).empty());
    CHECK(found.with_room({}).empty());
    CHECK(MoreKeywords::parse(line + "x y z\n").names().size() == MoreKeywords::kMostNames);
}

namespace {

using Bases = MoreKeywords::Bases;
using Changes = std::vector<MoreKeywords::Change>;

// A directory of its own for the file.
class Home : public TemporaryDirectory {
  public:
    // What the file says afterwards.
    MoreKeywords change(MoreKeywords from, const Changes& changes,
                        const std::optional<Bases>& there = {}, std::size_t most = 100000) const {
        auto done = from.change(path(), 0600, changes, {most, [&there] { return there; }});
        REQUIRE(done);
        auto read = MoreKeywords::load(path());
        REQUIRE(read);
        CHECK(read->to_string() == from.to_string());
        CHECK(read->names() == from.names());
        return from;
    }
};

Names numbered(const std::string& begin, std::size_t count) {
    Names names;
    for (std::size_t i = 0; i < count; ++i) {
        names.push_back(begin + std::to_string(i));
    }
    return names;
}

}  // namespace

TEST_CASE("store/more_keywords: room is that of all that is changed at once") {
    Home home;
    auto found = home.change({}, {{{"a"}, FlagChange::kReplace, numbered("x", 150)},
                                  {{"b"}, FlagChange::kAdd, numbered("y", 150)},
                                  {{"c"}, FlagChange::kAdd, {"X7", "z"}},
                                  {{"d"}, FlagChange::kAdd, {"z"}}});
    CHECK(found.names().size() == MoreKeywords::kMostNames);
    CHECK(found.of("a").size() == 150);
    CHECK(found.of("b").size() == 50);
    CHECK(found.of("c") == Names{"X7"});
    CHECK(found.of("d").empty());
}

TEST_CASE("store/more_keywords: lines of messages that are gone make room") {
    Home home;
    Names all = numbered("x", MoreKeywords::kMostNames);
    auto full = home.change(
        {}, {{{"gone"}, FlagChange::kReplace, all}, {{"there"}, FlagChange::kReplace, {"x0"}}});
    const Changes change = {{{"there"}, FlagChange::kAdd, {"new"}}};
    SECTION("for a name") {
        auto now = home.change(full, change, Bases{"there", "other"});
        CHECK(now.to_string() == "there\tx0 new\n");
    }
    SECTION("not where nobody knows which they are") {
        auto now = home.change(full, change);
        CHECK(now.of("gone") == all);
        CHECK(now.of("there") == Names{"x0"});
    }
    SECTION("not without need") {
        auto now = home.change(full, {{{"there"}, FlagChange::kAdd, {"x1"}}}, Bases{"there"});
        CHECK(now.of("gone") == all);
    }
    SECTION("where they are many") {
        auto now = home.change(full, {{{"there"}, FlagChange::kAdd, {"x1"}}}, Bases{"there"}, 1);
        CHECK(now.to_string() == "there\tx0 x1\n");
    }
}

TEST_CASE("store/more_keywords: many messages are changed in no time") {
    Home home;
    const auto begin = std::chrono::steady_clock::now();
    Changes changes;
    for (const std::string& base : numbered("base", 20000)) {
        changes.push_back({{base}, FlagChange::kAdd, numbered("name", 10)});
    }
    auto found = home.change(home.change({}, changes), changes);
    CHECK(found.names().size() == 10);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("store/more_keywords: keywords as changes leave them") {
    CHECK(changed_keywords({"a", "b"}, FlagChange::kAdd, {"B", "c"}) == Names{"a", "b", "c"});
    CHECK(changed_keywords({"a", "b"}, FlagChange::kRemove, {"B", "c"}) == Names{"a"});
    CHECK(changed_keywords({"a", "b"}, FlagChange::kReplace, {"c", "B"}) == Names{"b", "c"});
    CHECK(changed_keywords({"a"}, FlagChange::kReplace, {}).empty());
}
