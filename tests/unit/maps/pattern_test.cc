// Tables of patterns: regexp, pcre and cidr; what a rule's result is made of.
#include "lib/config/config.h"
#include "lib/maps/patterns/replacement.h"
#include "lib/maps/patterns/rule_source.h"
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

std::string ask(std::string_view reference, std::string_view key, TableFlags flags = 0) {
    Lookup answer = table(reference, flags)->find(key);
    return answer.is_found() ? answer.value() : answer.is_missing() ? "(none)" : "(error)";
}

std::string expand(std::string_view text) {
    auto result = Replacement::parse(text);
    if (!result) {
        return "fault: " + result.error().text;
    }
    return result->expand([](int group) { return group == 1 ? "one" : "two"; });
}

}  // namespace

TEST_CASE("maps/replacement: groups in their three spellings, and dollar signs") {
    CHECK(expand("a $1 ${2}x$(1)y $$1") == "a one twoxoney $1");
    CHECK(expand("plain") == "plain");
    CHECK(expand("$foo") == "fault: foo");
    CHECK(expand("$0") == "fault: 0");
    CHECK(expand("x $") == "fault: empty macro name: \"x $\"");
    CHECK(expand("x ${1") == "fault: truncated macro reference: \"x ${1\"");
    CHECK(Replacement::parse("$1 $12 $3")->highest_group() == 12);
    CHECK(Replacement::parse("$$1")->highest_group() == 0);
}

TEST_CASE("maps/rules: the statements of a line") {
    auto statement = [](std::string_view line, std::string_view rest) {
        Statement found = take_statement(line);
        CHECK(line == rest);
        return found;
    };
    CHECK(statement("if /x/", "/x/") == Statement::kIf);
    CHECK(statement("IF!/x/", "!/x/") == Statement::kIf);
    CHECK(statement("endif", "") == Statement::kEndif);
    CHECK(statement("Endif  x", "x") == Statement::kEndif);
    CHECK(statement("iffy x", "iffy x") == Statement::kRule);
    CHECK(statement("endif2", "endif2") == Statement::kRule);
}

TEST_CASE("maps/regexp: the case of letters, groups and negation") {
    CHECK(ask("regexp:{{/^(.)b$/ <$1>}}", "Ab") == "<A>");
    CHECK(ask("regexp:{{/^ab$/i x}}", "AB") == "(none)");
    CHECK(ask("regexp:{{!/^a/ other}}", "ba") == "other");
    CHECK(ask("regexp:{{/a/!/b/ only a}}", "ab") == "(none)");
    CHECK(ask("regexp:{{/a(b)?/ [$1]}}", "a") == "[]");
    CHECK(ask("regexp:{{/(.*)/ $1}}", "ABC", table_flag::kFoldPattern) == "abc");
    CHECK(ask("regexp:{{/(.*)/ $1}}", "ABC", table_flag::kFoldFixed) == "ABC");
}

TEST_CASE("maps/regexp: if and endif nest") {
    constexpr auto kRules =
        "regexp:{{if /a/},{if !/b/},{/c/ a-c},{endif},{/d/ a-d},{endif},{/d/ d},{if /e/},{/f/ "
        "e-f}}";
    CHECK(ask(kRules, "ac") == "a-c");
    CHECK(ask(kRules, "abc") == "(none)");
    CHECK(ask(kRules, "abd") == "a-d");
    CHECK(ask(kRules, "d") == "d");
    CHECK(ask(kRules, "ef") == "e-f");
    CHECK(ask(kRules, "f") == "(none)");
}

TEST_CASE("maps/regexp: no substitution where the data is sensitive") {
    CHECK(ask("regexp:{{/(a)/ $1},{/./ plain}}", "a", table_flag::kNoSubstitution) == "plain");
}

TEST_CASE("maps/pcre: bytes unless an expression says UTF, and runaways are no match") {
    CHECK(ask("pcre:{{/^.$/ one}}", "\xc3\xa9") == "(none)");
    CHECK(ask("pcre:{{/(*UTF)^.$/ one}}", "\xc3\xa9") == "one");
    CHECK(ask("pcre:{{/(*UTF)x/ x},{/./ next}}", "\xff") == "next");
    CHECK(ask("pcre:{{/^(a+)+$/ x},{/b/ next}}", std::string(40, 'a') + "b") == "next");
    CHECK(ask("pcre:{{/a.b/s x}}", "a\nb") == "(none)");
    CHECK(ask("pcre:{{/a.b/ x}}", "a\nb") == "x");
}

TEST_CASE("maps/cidr: a rule speaks of its own address family") {
    CHECK(ask("cidr:{{!192.0.2.0/24 out}}", "192.0.3.1") == "out");
    CHECK(ask("cidr:{{!192.0.2.0/24 out}}", "2001:db8::1") == "(none)");
    CHECK(ask("cidr:{{if !::1},{0.0.0.0/0 x},{endif},{0.0.0.0/0 y}}", "192.0.2.1") == "y");
    CHECK(ask("cidr:{{[2001:db8::]/32 doc}}", "2001:DB8:1::2") == "doc");
    CHECK(ask("cidr:{{0.0.0.0/0 all}}", "name.example") == "(none)");
}

TEST_CASE("maps/patterns: tables that cannot be opened") {
    set_conf(Config::from_text("myhostname = a.example\n"));
    auto message = [](std::string_view reference, OpenMode mode = OpenMode::kRead) {
        auto opened = open_table(reference, mode, 0);
        return opened ? std::string("opened") : opened.error().message;
    };
    CHECK(message("cidr:{{192.0.2.1 x}") == "cidr map: missing '}' in \"{{192.0.2.1 x}\"");
    CHECK(message("regexp:{/a/}") == "regexp map: no '{' at start of text in \"/a/\"");
    CHECK(message("pcre:/nonexistent") == "open /nonexistent: No such file or directory");
    CHECK(message("pcre:{}", OpenMode::kUpdate) == "pcre:{} map requires O_RDONLY access mode");
}
