// Tables of every kind that needs no other process.
#include <filesystem>

#include <stdlib.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/maps/registry.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

class Scratch {
  public:
    Scratch() {
        char name[] = "/tmp/relais-maps-XXXXXX";
        path_ = ::mkdtemp(name);
        set_conf(Config::from_text("smtputf8_enable = yes\n"));
    }

    ~Scratch() { std::filesystem::remove_all(path_); }

    std::string file(const std::string& name) const { return path_ + "/" + name; }

    void write(const std::string& name, std::string_view text) const {
        REQUIRE(replace_file(file(name), text, 0644));
    }

  private:
    std::string path_;
};

std::unique_ptr<Table> opened(const std::string& reference, TableFlags flags = table_flag::kMail,
                              OpenMode mode = OpenMode::kRead) {
    auto table = open_table(reference, mode, flags);
    INFO(reference << ": " << (table ? "" : table.error().message));
    REQUIRE(table);
    return std::move(*table);
}

std::string refusal(const std::string& reference, OpenMode mode = OpenMode::kRead) {
    auto table = open_table(reference, mode, table_flag::kMail);
    return table ? "" : table.error().message;
}

std::string value_of(Table& table, std::string_view key) {
    Lookup found = table.find(key);
    if (found.is_error()) {
        return "error: " + found.reason();
    }
    return found.is_found() ? "=" + found.value() : "";
}

}  // namespace

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

#ifdef HAVE_BERKELEY_DB
TEST_CASE("maps/table: Berkeley DB tables are built, read, changed and replaced") {
    Scratch scratch;
    for (const std::string type : {"hash", "btree"}) {
        std::string reference = type + ":" + scratch.file(type);
        CHECK(refusal(reference) ==
              "open database " + scratch.file(type) + ".db: No such file or directory");
        auto make =
            opened(reference, table_flag::kMail | table_flag::kWarnDuplicate, OpenMode::kRebuild);
        REQUIRE(make->update("Key", "value"));
        REQUIRE(make->update("key", "other"));
        CHECK_FALSE(std::filesystem::exists(scratch.file(type) + ".db"));
        REQUIRE(make->commit());
        auto table = opened(reference);
        CHECK(value_of(*table, "key") == "=value");
        CHECK(value_of(*table, "ke").empty());

        auto writer =
            opened(reference, table_flag::kMail | table_flag::kReplace | table_flag::kSyncUpdate,
                   OpenMode::kUpdate);
        REQUIRE(writer->update("key", "second"));
        CHECK(value_of(*table, "key") == "=second");
        CHECK(writer->erase("key") == true);
        CHECK(writer->erase("key") == false);
        CHECK(value_of(*table, "key").empty());

        auto again = opened(reference, table_flag::kMail, OpenMode::kRebuild);
        REQUIRE(again->update("k2", "v2"));
        CHECK(value_of(*table, "k2").empty());
        REQUIRE(again->commit());
        CHECK(table->changed());
        CHECK(value_of(*table, "k2") == "=v2");
        CHECK_FALSE(table->changed());
    }
}

TEST_CASE("maps/table: a rebuild that is given up leaves the old table") {
    Scratch scratch;
    std::string reference = "hash:" + scratch.file("t");
    {
        auto make = opened(reference, table_flag::kMail, OpenMode::kRebuild);
        REQUIRE(make->update("a", "1"));
        REQUIRE(make->commit());
    }
    {
        auto make = opened(reference, table_flag::kMail, OpenMode::kRebuild);
        REQUIRE(make->update("a", "2"));
    }
    CHECK(value_of(*opened(reference), "a") == "=1");
    CHECK(std::distance(std::filesystem::directory_iterator(scratch.file("")), {}) == 1);
}

TEST_CASE("maps/table: a file that is no Berkeley DB is refused") {
    Scratch scratch;
    scratch.write("t.db", std::string(9000, 'x'));
    CHECK(refusal("hash:" + scratch.file("t")) ==
          "open database " + scratch.file("t") + ".db: Invalid argument");
    scratch.write("e.db", "");
    CHECK(refusal("btree:" + scratch.file("e")) ==
          "open database " + scratch.file("e") + ".db: Invalid argument");
}

TEST_CASE("maps/table: a sequence visits every entry once") {
    Scratch scratch;
    std::string reference = "btree:" + scratch.file("t");
    auto make = opened(reference, table_flag::kMail, OpenMode::kRebuild);
    for (int i = 0; i < 500; ++i) {
        REQUIRE(make->update(format("k{:03}", i), format("v{}", i)));
    }
    REQUIRE(make->commit());
    auto table = opened(reference);
    auto step = Table::Step::kFirst;
    int count = 0;
    for (;;) {
        auto entry = table->sequence(step);
        REQUIRE(entry);
        if (!*entry) {
            break;
        }
        CHECK((*entry)->key == format("k{:03}", count));
        CHECK((*entry)->value == format("v{}", count));
        ++count;
        step = Table::Step::kNext;
    }
    CHECK(count == 500);
}
#endif
