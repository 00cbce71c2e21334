// Templates of SQL and LDAP tables, and their settings.
#include "lib/config/config.h"
#include "lib/maps/databases/client_settings.h"
#include "lib/maps/databases/key_template.h"

#include "tests/support/catch.h"
#include "tests/unit/maps/scratch.h"

using namespace relais;

namespace {

using Use = KeyTemplates::Use;

bool double_quotes(std::string_view text, std::string& out) {
    for (char c : text) {
        out.append(c == '\'' ? 2 : 1, c);
    }
    return true;
}

std::optional<std::string> query(std::string_view text, std::string_view key) {
    KeyTemplates templates("x.cf", "mysql:x.cf");
    REQUIRE(templates.inspect(text, Use::kQuery));
    return templates.query(text, key, double_quotes);
}

std::optional<std::string> result(std::string_view text, std::string_view value,
                                  std::string_view key) {
    KeyTemplates templates("x.cf", "mysql:x.cf");
    REQUIRE(templates.inspect(text, Use::kResult));
    std::string out;
    return templates.add_result(text, value, key, out) ? std::optional(out) : std::nullopt;
}

}  // namespace

TEST_CASE("maps/template: the parts of a key") {
    CHECK(query("a='%s'", "u@d.test") == "a='u@d.test'");
    CHECK(query("%u|%d|%S|%U|%D|%%", "u@d.test") == "u|d.test|u@d.test|u|d.test|%");
    CHECK(query("%u", "plain") == "plain");
    CHECK(query("%u@%d", "a@b@c.test") == "a@b@c.test");
    CHECK(query("%1.%2.%3", "x@a.b.c.test") == "test.c.b");
    CHECK(query("no key", "x") == "no key");
}

TEST_CASE("maps/template: keys that cannot be filled in are not searched") {
    CHECK_FALSE(query("%d", "plain"));
    CHECK_FALSE(query("%d", "user@"));
    CHECK_FALSE(query("%u", "@d.test"));
    CHECK_FALSE(query("%3", "x@b.test"));
    CHECK_FALSE(query("%1", "plain"));
    CHECK_FALSE(query("%s", ""));
}

TEST_CASE("maps/template: every part of a key is quoted") {
    CHECK(query("'%s'", "x' or '1'='1") == "'x'' or ''1''=''1'");
    CHECK(query("'%u' '%d'", "o'b@d'.test") == "'o''b' 'd''.test'");
    CHECK(query("'%1'", "x@a.b'c") == "'b''c'");
    // What a key contains is never a template.
    CHECK(query("'%s'", "%d%u@d") == "'%d%u@d'");
}

TEST_CASE("maps/template: results") {
    CHECK(result("%s", "v@w.test", "k@d.test") == "v@w.test");
    CHECK(result("%u at %d for %U at %D, %1", "v@w.test", "k@d.test") ==
          "v at w.test for k at d.test, test");
    CHECK_FALSE(result("%d", "no domain", "k@d.test"));
    CHECK_FALSE(result("%u", "@w.test", "k@d.test"));
    CHECK_FALSE(result("%D", "v", "plain"));
    CHECK_FALSE(result("%s", "", "k"));

    KeyTemplates templates("x.cf", "mysql:x.cf");
    std::string list;
    CHECK(templates.add_result("%s", "one", "k", list));
    CHECK(templates.add_result("%s", "two", "k", list));
    CHECK(list == "one,two");
}

TEST_CASE("maps/template: malformed templates") {
    KeyTemplates templates("x.cf", "mysql:x.cf");
    for (std::string_view text : {"%x", "100%", "%", "%0"}) {
        auto known = templates.inspect(text, Use::kQuery);
        REQUIRE_FALSE(known);
        CHECK(known.error().message ==
              format("db_common_parse: x.cf: Invalid query template: {}", text));
    }
    CHECK(*templates.inspect("%s", Use::kQuery));
    CHECK_FALSE(*templates.inspect("100%%", Use::kQuery));
}

TEST_CASE("maps/settings: a file and main.cf") {
    Scratch scratch;
    std::string path = scratch.file("t.cf");
    scratch.write("t.cf", "query = a $b\n  c\nlimit = 7\nbad = 7x\nyes = YES\n");
    auto file = ClientSettings::load(path);
    REQUIRE(file);
    CHECK(file->text("query") == "a $b  c");
    CHECK(file->number("limit", 1) == 7);
    CHECK(file->number("missing", 5) == 5);
    CHECK(file->flag("yes", false));
    CHECK(file->failure());
    file->number("bad", 1);
    REQUIRE_FALSE(file->failure());
    CHECK(file->failure().error().message == path + ": bad numerical configuration: bad = 7x");

    set_conf(Config::from_text("base = /x\nt_dbpath = $base/y\n"));
    auto parameters = ClientSettings::load("t");
    REQUIRE(parameters);
    CHECK(parameters->text("dbpath") == "/x/y");
    parameters->text("none", "", ClientSettings::Need::kRequired);
    CHECK(parameters->failure().error().message == "bad string length 0 < 1: t_none = ");
    set_conf(Config::from_text("c_max_try = 0\n"));
    auto memcache = ClientSettings::load("c");
    memcache->number("max_try", 2, 1);
    CHECK(memcache->failure().error().message == "invalid c_max_try parameter value 0 < 1");

    CHECK(ClientSettings::load("/nonexistent/x.cf").error().message ==
          "open /nonexistent/x.cf: No such file or directory");
}
