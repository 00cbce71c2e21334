// Tables that postmap builds: all types in the same tests.
#include <algorithm>
#include <map>

#include "tests/unit/maps/scratch.h"

using namespace relais;

namespace {

struct Indexed {
    std::string type;
    std::string suffix;
    bool updates;  // entries can be changed one by one, and listed
};

std::vector<Indexed> indexed_types() {
    std::vector<Indexed> types = {{"cdb", ".cdb", false}, {"lmdb", ".lmdb", true}};
    for (const std::string type : {"hash", "btree"}) {
        if (can_build_table_type(type)) {
            types.push_back({type, ".db", true});
        }
    }
    return types;
}

using Entries = std::map<std::string, std::string>;

void build(const std::string& reference, const Entries& entries,
           TableFlags flags = table_flag::kMail) {
    auto make = opened(reference, flags, OpenMode::kRebuild);
    for (const auto& [key, value] : entries) {
        REQUIRE(make->update(key, value));
    }
    REQUIRE(make->commit());
}

Entries entries_of(Table& table) {
    Entries found;
    for (auto step = Table::Step::kFirst;; step = Table::Step::kNext) {
        auto entry = table.sequence(step);
        REQUIRE(entry);
        if (!*entry) {
            return found;
        }
        CHECK(found.emplace((*entry)->key, (*entry)->value).second);
    }
}

std::size_t files_in(const Scratch& scratch) {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(scratch.file("")), {}));
}

}  // namespace

TEST_CASE("maps/indexed: a table is built, read and replaced") {
    for (const Indexed& kind : indexed_types()) {
        INFO(kind.type);
        Scratch scratch;
        std::string reference = kind.type + ":" + scratch.file("t");
        std::string file = scratch.file("t") + kind.suffix;
        CHECK(refusal(reference) == "open database " + file + ": No such file or directory");
        auto make =
            opened(reference, table_flag::kMail | table_flag::kWarnDuplicate, OpenMode::kRebuild);
        REQUIRE(make->update("Key", "value"));
        REQUIRE(make->update("key", "other"));
        CHECK_FALSE(std::filesystem::exists(file));
        REQUIRE(make->commit());
        auto table = opened(reference);
        CHECK(value_of(*table, "key") == "=value");
        CHECK(value_of(*table, "ke").empty());
        CHECK(value_of(*table, std::string(600, 'k')).empty());
        CHECK(value_of(*table, "").empty());

        auto again = opened(reference, table_flag::kMail, OpenMode::kRebuild);
        REQUIRE(again->update("k2", "v2"));
        CHECK(value_of(*table, "k2").empty());
        REQUIRE(again->commit());
        CHECK(table->changed());
        CHECK(value_of(*table, "k2") == "=v2");
        CHECK_FALSE(table->changed());
        CHECK(files_in(scratch) == 1);
    }
}

TEST_CASE("maps/indexed: entries are changed one by one, and readers follow") {
    for (const Indexed& kind : indexed_types()) {
        INFO(kind.type);
        Scratch scratch;
        std::string reference = kind.type + ":" + scratch.file("t");
        build(reference, {{"key", "value"}});
        auto table = opened(reference);
        if (!kind.updates) {
            CHECK(refusal(reference, OpenMode::kUpdate)
                      .starts_with("dict_cdb_open: inappropriate open flags"));
            CHECK_FALSE(table->sequence(Table::Step::kFirst));
            continue;
        }
        CHECK_FALSE(table->update("key", "x"));
        auto writer =
            opened(reference, table_flag::kMail | table_flag::kReplace | table_flag::kSyncUpdate,
                   OpenMode::kUpdate);
        REQUIRE(writer->update("key", "second"));
        CHECK(value_of(*table, "key") == "=second");
        CHECK(writer->erase("key") == true);
        CHECK(writer->erase("key") == false);
        CHECK(value_of(*table, "key").empty());
    }
}

TEST_CASE("maps/indexed: duplicates are kept, replaced or refused as the flags say") {
    for (const Indexed& kind : indexed_types()) {
        INFO(kind.type);
        Scratch scratch;
        std::string reference = kind.type + ":" + scratch.file("t");

        struct Case {
            TableFlags flag;
            bool accepted;
            std::string kept;
        };

        const Case cases[] = {{table_flag::kWarnDuplicate, true, "=1"},
                              {table_flag::kIgnoreDuplicate, true, "=1"},
                              {table_flag::kReplace, true, "=longer"},
                              {0, false, "=1"}};
        for (const Case& now : cases) {
            auto make = opened(reference, table_flag::kMail | now.flag, OpenMode::kRebuild);
            REQUIRE(make->update("a", "1"));
            CHECK(make->update("A", "longer").has_value() == now.accepted);
            REQUIRE(make->commit());
            CHECK(value_of(*opened(reference), "a") == now.kept);
        }
    }
}

TEST_CASE("maps/indexed: a final NUL is stored and sought as the flags say") {
    constexpr TableFlags kWith = table_flag::kMail | table_flag::kTryWithNul;
    constexpr TableFlags kWithout = table_flag::kMail | table_flag::kTryWithoutNul;
    for (const Indexed& kind : indexed_types()) {
        INFO(kind.type);
        Scratch scratch;
        std::string reference = kind.type + ":" + scratch.file("t");
        for (TableFlags flags : {kWith, kWithout}) {
            build(reference, {{"key", "value"}, {"k", ""}}, flags);
            auto either = opened(reference);
            CHECK(value_of(*either, "key") == "=value");
            CHECK(value_of(*either, "k") == "=");
            CHECK(value_of(*opened(reference, kWith), "key") == (flags == kWith ? "=value" : ""));
            CHECK(value_of(*opened(reference, kWithout), "key") ==
                  (flags == kWithout ? "=value" : ""));
        }
    }
}

TEST_CASE("maps/indexed: a rebuild that is given up leaves the old table") {
    for (const Indexed& kind : indexed_types()) {
        INFO(kind.type);
        Scratch scratch;
        std::string reference = kind.type + ":" + scratch.file("t");
        build(reference, {{"a", "1"}});
        {
            auto make = opened(reference, table_flag::kMail, OpenMode::kRebuild);
            REQUIRE(make->update("a", "2"));
        }
        CHECK(value_of(*opened(reference), "a") == "=1");
        CHECK(files_in(scratch) == 1);
    }
}

TEST_CASE("maps/indexed: ownership, mode and links outlive a rebuild") {
    for (const Indexed& kind : indexed_types()) {
        INFO(kind.type);
        Scratch scratch;
        std::string reference = kind.type + ":" + scratch.file("t");
        std::string file = scratch.file("t") + kind.suffix;
        build(reference, {{"a", "1"}});
        std::filesystem::permissions(file, std::filesystem::perms{0640});
        std::filesystem::rename(file, scratch.file("real"));
        std::filesystem::create_symlink("real", file);
        // What a killed build left is no hindrance, whatever it is.
        std::filesystem::create_symlink("/nonexistent/elsewhere", scratch.file("real.tmp"));
        build(reference, {{"a", "2"}});
        CHECK(std::filesystem::is_symlink(file));
        CHECK(std::filesystem::status(scratch.file("real")).permissions() ==
              std::filesystem::perms{0640});
        CHECK(value_of(*opened(reference), "a") == "=2");
        CHECK(files_in(scratch) == 2);
    }
}

TEST_CASE("maps/indexed: a file of another format is refused") {
    Scratch scratch;
    for (const auto& [name, text] :
         {std::pair{"t", std::string(9000, 'x')}, {"s", "short"}, {"e", ""}}) {
        std::string path = scratch.file(name);
        for (const Indexed& kind : indexed_types()) {
            INFO(kind.type);
            scratch.write(name + kind.suffix, text);
            auto table = open_table(kind.type + ":" + path, OpenMode::kRead, table_flag::kMail);
            if (kind.suffix == ".db") {
                REQUIRE_FALSE(table);
                CHECK(table.error().message == "open database " + path + ".db: Invalid argument");
            } else if (table) {
                CHECK((*table)->find("key").is_error());
            } else {
                CHECK(table.error().message.contains(name + kind.suffix));
            }
        }
    }
}

TEST_CASE("maps/indexed: a sequence visits every entry once, of any size") {
    for (const Indexed& kind : indexed_types()) {
        INFO(kind.type);
        Scratch scratch;
        std::string reference = kind.type + ":" + scratch.file("t");
        Entries entries;
        for (std::size_t i = 0; i < 3000; ++i) {
            entries[format("k{}", i)] = std::string(i % 100 == 0 ? i * 3 : i % 50 + 1, 'v');
        }
        build(reference, entries);
        auto table = opened(reference);
        for (const auto& [key, value] : entries) {
            CHECK(table->find(key).value() == value);
        }
        if (kind.updates) {
            CHECK(entries_of(*table) == entries);
        }
    }
}
