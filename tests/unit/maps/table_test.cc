// Tables of every kind that needs no other process.
#include <stdlib.h>

#include "lib/maps/map_source.h"

#include "tests/unit/maps/scratch.h"

using namespace relais;

TEST_CASE("maps/table: references and their errors are worded as Postfix does") {
    Scratch scratch;
    CHECK(refusal("static:") ==
          "open dictionary: expecting \"type:name\" form instead of \"static:\"");
    CHECK(refusal("x") == "open dictionary: expecting \"type:name\" form instead of \"x\"");
    CHECK(refusal("foo:bar") == "unsupported dictionary type: foo");
    CHECK(refusal("unix:foo") == "unknown table: unix:foo");
    CHECK(refusal("texthash:/nonexistent/x") ==
          "open database /nonexistent/x: No such file or directory");
    CHECK(refusal("texthash:x", OpenMode::kUpdate) ==
          "texthash:x map requires O_RDONLY access mode");
    CHECK(refusal("static:x", OpenMode::kRebuild) ==
          "unsupported map type for this operation: static");
    CHECK(refusal("inline:{}") == "bad syntax: \"inline:{}\"; need \"inline:{name=value...}\"");
    CHECK(refusal("inline:a") == "bad syntax: \"inline:a\"; need \"inline:{name=value...}\"");
    CHECK(refusal("inline:{a}") ==
          "missing '=' after attribute name: \"inline:{a}\"; need "
          "\"inline:{name=value...}\"");
}

TEST_CASE("maps/table: inline, static, fail, environ, unix") {
    Scratch scratch;
    auto table = opened("inline:{ A=b, { c = e f }, x=1,x=2 }");
    CHECK(value_of(*table, "a") == "=b");
    CHECK(value_of(*table, "A") == "=b");
    CHECK(value_of(*table, "c") == "=e f");
    CHECK(value_of(*table, "x") == "=2");
    CHECK(value_of(*table, "y").empty());
    CHECK(value_of(*opened("static:v"), "k") == "=v");
    CHECK(value_of(*opened("static:{ two words }"), "k") == "=two words");
    CHECK(value_of(*opened("fail:x"), "k") == "error: Application error");
    ::setenv("RELAIS_TEST_VARIABLE", "there", 1);
    auto environ_table = opened("environ:x", 0);
    CHECK(value_of(*environ_table, "RELAIS_TEST_VARIABLE") == "=there");
    CHECK(value_of(*environ_table, "RELAIS_TEST_NOTHING").empty());
    CHECK(value_of(*opened("unix:passwd.byname"), "root").starts_with("=root:x:0:0:"));
    CHECK(value_of(*opened("unix:group.byname"), "root").starts_with("=root:x:0:"));
    CHECK(value_of(*opened("unix:passwd.byname"), "no-such-user").empty());
}

TEST_CASE("maps/table: texthash reads source text and follows changes") {
    Scratch scratch;
    scratch.write("t", "a@X one\n# c\n  two\nb\n\"q k\" v\na@x again\n");
    auto table = opened("texthash:" + scratch.file("t"));
    CHECK(value_of(*table, "a@x") == "=one  two");
    CHECK(value_of(*table, "A@x") == "=one  two");
    CHECK(value_of(*table, "\"q k\"") == "=v");
    CHECK(value_of(*table, "b").empty());
    CHECK_FALSE(table->changed());
    scratch.write("t", "b new\n");
    CHECK(table->changed());
    CHECK(value_of(*table, "b") == "=new");
    CHECK(value_of(*table, "a@x").empty());
}

TEST_CASE("maps/table: keys are folded as the flags say, and checked as UTF-8") {
    Scratch scratch;
    auto folded = opened("inline:{\xc3\x84x=1}");
    CHECK(value_of(*folded, "\xc3\xa4X") == "=1");
    CHECK(value_of(*folded, "\xc3(").empty());
    auto exact = opened("inline:{Ab=1}", table_flag::kUtf8Request);
    CHECK(value_of(*exact, "ab").empty());
    CHECK(value_of(*exact, "Ab") == "=1");
    set_conf(Config::from_text("smtputf8_enable = no\n"));
    auto bytes = opened("inline:{\xc3\x84x=1}");
    CHECK(value_of(*bytes, "\xc3\xa4x").empty());
    CHECK(value_of(*bytes, "\xc3\x84X") == "=1");
}

TEST_CASE("maps/source: what a source is for is guessed from its first entry") {
    auto is_aliases = [](std::string_view text) {
        return guess_syntax(text, "x") == SourceSyntax::kAliases;
    };
    CHECK(is_aliases("# comment\nroot: alice\n"));
    CHECK(is_aliases("root : alice, bob\n"));
    CHECK(is_aliases("root:alice\n"));
    CHECK(is_aliases("root:alice, bob\n"));
    CHECK(is_aliases("\"quoted name\": alice\n"));
    CHECK(is_aliases("list:\n  alice,\n  bob\n"));
    CHECK_FALSE(is_aliases("user@example.com alice\n"));
    CHECK_FALSE(is_aliases("example.com :[gateway.example]\nroot: alice\n"));
    CHECK_FALSE(is_aliases("example.com :\n"));
    CHECK_FALSE(is_aliases("2001:db8::1 REJECT\n"));
    CHECK_FALSE(is_aliases("example.com lmtp:unix:/run/x\n"));
    CHECK_FALSE(is_aliases(""));
    CHECK_FALSE(is_aliases("\"unbalanced\nonly\n"));
}
