// The reader of Berkeley DB files, on files that the library (5.3) wrote with pages of 512 bytes:
// key0 to key59 (with a NUL, the last ten deleted again), each with 1 to 10 letters, but key7 with
// 1500; a key of 700 letters; a, ab and abc without a NUL.  The "swapped" ones are of the other
// byte order, "dup" and "dups" hold 3 and 200 values under one key, "sum" has checksums.
#include "lib/maps/bdb/bdb_file.h"

#include <map>

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/maps/scratch.h"

using namespace relais;

namespace {

constexpr std::size_t kCache = 4096;

std::string data_file(const std::string& name) {
    return "tests/unit/maps/data/" + name + ".db";
}

BdbFile::Kind kind_of(const std::string& name) {
    return name.starts_with("hash") ? BdbFile::Kind::kHash : BdbFile::Kind::kBtree;
}

struct Opened {
    UniqueFd fd;
    Result<std::unique_ptr<BdbFile>> db;
};

Opened open_path(const std::string& path, BdbFile::Kind kind) {
    auto fd = open_file(path, O_RDONLY);
    REQUIRE(fd);
    auto db = BdbFile::open(fd->get(), kind, kCache);
    return {std::move(*fd), std::move(db)};
}

std::map<std::string, std::string> expected_entries() {
    std::map<std::string, std::string> out;
    for (int i = 0; i < 50; ++i) {
        auto size = static_cast<std::size_t>(i == 7 ? 1500 : i % 10 + 1);
        std::string value(size, static_cast<char>('a' + i % 26));
        out[format("key{}", i) + '\0'] = value + '\0';
    }
    out[std::string(700, 'K') + '\0'] = std::string("long key") + '\0';
    out["a"] = "b";
    out["ab"] = "c";
    out["abc"] = "d";
    return out;
}

void check_entries(BdbFile& db) {
    auto expected = expected_entries();
    std::string key;
    std::string value;
    for (const auto& [wanted, content] : expected) {
        value.clear();
        CHECK(db.find(wanted, value) == true);
        CHECK(value == content);
    }
    for (const std::string missing : {"", "key0", "key55", "zzz", "\xff\xff", "abcd", "K"}) {
        CHECK(db.find(missing, value) == false);
        CHECK(db.find(missing + "\0\0", value) == false);
    }
    CHECK(db.find(std::string("key55\0", 6), value) == false);
    for (int round = 0; round < 2; ++round) {
        std::map<std::string, std::string> found;
        db.rewind();
        for (;;) {
            auto more = db.next(key, value);
            REQUIRE(more);
            if (!*more) {
                break;
            }
            CHECK(found.emplace(key, value).second);
        }
        CHECK(found == expected);
    }
}

}  // namespace

TEST_CASE("maps/bdb file: files of both byte orders are read") {
    for (const std::string name : {"hash", "btree", "hash-swapped", "btree-swapped"}) {
        INFO(name);
        Opened opened = open_path(data_file(name), kind_of(name));
        REQUIRE(opened.db);
        check_entries(**opened.db);
        BdbFile::Kind other =
            kind_of(name) == BdbFile::Kind::kHash ? BdbFile::Kind::kBtree : BdbFile::Kind::kHash;
        CHECK(open_path(data_file(name), other).db.error().code == Errc::kCorrupt);
    }
}

TEST_CASE("maps/bdb file: older versions have pages that are not sorted") {
    Scratch scratch;
    auto text = read_file(data_file("hash"));
    REQUIRE(text);
    (*text)[16] = 8;
    for (std::size_t page = 512; page < text->size(); page += 512) {
        if ((*text)[page + 25] == 13) {
            (*text)[page + 25] = 2;
        }
    }
    scratch.write("t.db", *text);
    Opened opened = open_path(scratch.file("t.db"), BdbFile::Kind::kHash);
    REQUIRE(opened.db);
    check_entries(**opened.db);
}

TEST_CASE("maps/bdb file: what only the library reads is refused, not misread") {
    for (const std::string name : {"hash-sum", "btree-sum"}) {
        CHECK(open_path(data_file(name), kind_of(name)).db.error().code == Errc::kDenied);
    }
    std::string value;
    for (const std::string name : {"hash-dup", "hash-dups", "btree-dups"}) {
        INFO(name);
        Opened opened = open_path(data_file(name), kind_of(name));
        REQUIRE(opened.db);
        CHECK((*opened.db)->find(std::string("key3\0", 5), value) == true);
        auto found = (*opened.db)->find(std::string("dup\0", 4), value);
        REQUIRE_FALSE(found);
        CHECK(found.error().code == Errc::kDenied);
    }
    // A few duplicates in a btree are ordinary entries, of which the first answers.
    Opened few = open_path(data_file("btree-dup"), BdbFile::Kind::kBtree);
    REQUIRE(few.db);
    CHECK((*few.db)->find(std::string("dup\0", 4), value) == true);
    CHECK(value == std::string("dup0\0", 5));
}

TEST_CASE("maps/bdb file: damage gives an error or another answer, never worse") {
    Scratch scratch;
    for (const std::string name : {"hash", "btree", "hash-dups", "btree-dups"}) {
        auto text = read_file(data_file(name));
        REQUIRE(text);
        unsigned random = 1;
        for (int round = 0; round < 300; ++round) {
            std::string damaged = *text;
            for (int i = 0; i < 1 + round % 20; ++i) {
                random = random * 1103515245 + 12345;
                damaged[(random >> 8) % damaged.size()] = static_cast<char>(random >> 24);
            }
            damaged.resize(damaged.size() - (round % 7 == 0 ? (random >> 10) % 4000 : 0));
            scratch.write("t.db", damaged);
            Opened opened = open_path(scratch.file("t.db"), kind_of(name));
            if (!opened.db) {
                continue;
            }
            std::string key;
            std::string value;
            for (const auto& [wanted, content] : expected_entries()) {
                static_cast<void>((*opened.db)->find(wanted, value));
            }
            int entries = 0;
            for (auto more = (*opened.db)->next(key, value); more && *more && entries < 100000;) {
                more = (*opened.db)->next(key, value);
                ++entries;
            }
            CHECK(entries < 100000);
        }
    }
}

TEST_CASE("maps/bdb file: hash: and btree: tables are made of it in every build") {
    Scratch scratch;
    auto table = opened("hash:tests/unit/maps/data/hash");
    CHECK(value_of(*table, "KEY3") == "=dddd");
    CHECK(value_of(*table, "abc").empty());  // the form with a NUL was found, and is kept to
    auto without = opened("btree:tests/unit/maps/data/btree-swapped");
    CHECK(value_of(*without, "ab") == "=c");
    CHECK(value_of(*without, "nothing").empty());
}

#ifndef HAVE_BERKELEY_DB
TEST_CASE("maps/bdb file: without the library tables are not written, and advice is given") {
    Scratch scratch;
    set_conf(Config::from_text(""));
    CHECK(refusal("hash:x", OpenMode::kRebuild) ==
          "Berkeley DB tables can only be read in this build, not written: 'hash:x'; use 'lmdb:x' "
          "instead, and default_database_type = lmdb");
    set_conf(Config::from_text("default_database_type = cdb\n"));
    CHECK(refusal("btree:x", OpenMode::kCreate).contains("use 'cdb:x' instead"));
    CHECK(refusal("hash:/nonexistent/x") ==
          "open database /nonexistent/x.db: No such file or directory");
}
#endif
