// The $ language.
#include "lib/config/expand.h"

#include <map>

#include "tests/support/catch.h"

using namespace relais;

namespace {

Result<Expansion> run(std::string_view text, bool recurse = true, std::string_view filter = {}) {
    static const std::map<std::string, std::string, std::less<>> values = {
        {"a", "A"},        {"empty", ""},    {"ref", "<$a>"},     {"dollar", "x$$a"},
        {"loop", "$loop"}, {"a_b1", "long"}, {"unsafe", "x;y z"},
    };
    ExpandOptions options;
    options.lookup = [](std::string_view name) -> std::optional<std::string> {
        auto found = values.find(name);
        return found == values.end() ? std::nullopt : std::optional(found->second);
    };
    options.recurse = recurse;
    options.filter = filter;
    return expand(text, options);
}

}  // namespace

TEST_CASE("config/expand: every form") {
    struct Case {
        const char* text;
        const char* result;
    };

    const Case cases[] = {
        {"plain {a}", "plain {a}"},
        {"$a-z $a_b1.", "A-z long."},
        {"${a}$(a)$$a", "AA$a"},
        {"$ref $dollar", "<A> x$a"},
        {"${a?yes}${empty?no}${nothing?no}", "yes"},
        {"${a:yes}${empty:no}${nothing:none}", "nonone"},
        {"${a?{x y}:{z}}|${empty?{x y}:{z}}", "x y|z"},
        {"${a ? {x} : { z }}|${empty ? {x} : { z }}", "x| z "},
        {"${a?x:y}", "x:y"},
        {"${a?<$a>}", "<A>"},
        {"${{$a} == {A}}|${{$a} == {B}}", "true|"},
        {"${{1} < {10}}|${{a1} < {a10}}|${{9} < {10}}|${{9x} < {10x}}", "true|true|true|"},
        {"${{3.9} <level {3.11}}|${{3.9} < {3.11}}", "true|"},
        {"${{x} != {y} ? {ne} : {eq}}|${{x} >= {y} ? {ge} : {lt}}", "ne|lt"},
        {"${{x} == {y} ? {t}}|${{x} == {y} : {f}}", "|f"},
        {"${a?{${empty:{deep}}}:{no}}", "deep"},
        {"${domain_to_ascii{$a}}", "A"},
        {"${domain_to_ascii{gr\xc3\xa5.org}}", "xn--gr-zia.org"},
        {"${domain_to_utf8{xn--gr-zia.org}}", "gr\xc3\xa5.org"},
    };
    for (const auto& each : cases) {
        INFO(each.text);
        auto result = run(each.text);
        REQUIRE(result);
        CHECK(result->text == each.result);
    }
}

TEST_CASE("config/expand: one level only, and filtered, where asked for") {
    CHECK(run("$ref", false)->text == "<$a>");
    CHECK(run("$unsafe;", false, "xyz")->text == "x_y_z;");
    CHECK(run("$nothing")->undefined);
    CHECK_FALSE(run("$empty${nothing?x}")->undefined);
}

TEST_CASE("config/expand: syntax errors have Postfix's words") {
    struct Case {
        const char* text;
        const char* message;
    };

    const Case cases[] = {
        {"${a", "truncated macro reference: \"${a\""},
        {"${a?{b}", "truncated macro reference: \"${a?{b}\""},
        {"${}", "empty macro name: \"${}\""},
        {"$", "empty macro name: \"$\""},
        {"${a!b}", "attribute name syntax error at: \"...a>>>!b\""},
        {"${{1} <=foo {2}}", "bad operator suffix at: \"...<=>>>foo\""},
        {"${{1} < 2}", "\"{expression}\" expected at: \"...{1} <>>> 2\""},
        {"${{1} ~ {2}}",
         "\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected at: \"...1}>>>~ "
         "{2}\""},
        {"${a?{b}x}", "\":\" expected at: \"...b}>>>x\""},
        {"${a?{b}:{c}x}", "unexpected input at: \"...c}>>>x\""},
    };
    for (const auto& each : cases) {
        INFO(each.text);
        auto result = run(each.text);
        REQUIRE_FALSE(result);
        CHECK(result.error().message == each.message);
    }
    CHECK_FALSE(run("$loop"));
}

TEST_CASE("config/expand: all names of all branches are visited") {
    std::string seen;
    auto see = [&](std::string_view name) { seen += name; };
    CHECK(for_each_name("$a ${b?$c} ${{$d} == {e} ? {$f} : {$g}} $$h ${i:${j}}", see));
    CHECK(for_each_name("${{$k} <level {$l} ? {$m} : {$n}}", see));
    CHECK_FALSE(for_each_name("$o ${", see));
    CHECK(seen == "abcdfgijklmno");
}
