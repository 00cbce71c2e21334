#include "lib/base/durability.h"

#include "lib/base/file.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;

namespace {

struct Strict {
    Strict() { set_durability(Durability::kStrict); }

    ~Strict() { set_durability(Durability::kJournal); }
};

}  // namespace

TEST_CASE("durability: directories are synced only where that is asked for", "[durability]") {
    TemporaryDirectory scratch;
    std::string nowhere = scratch.path("no/such/file");
    CHECK(sync_name_if_strict(nowhere));
    Strict strict;
    CHECK_FALSE(sync_name_if_strict(nowhere));
    REQUIRE(make_directories(scratch.path("a/b"), 0700));
    CHECK(sync_name_if_strict(scratch.path("a/b/file")));
}

TEST_CASE("file: the directory that a path is in", "[durability]") {
    CHECK(parent_directory("a/b/c") == "a/b");
    CHECK(parent_directory("/a") == "/");
    CHECK(parent_directory("a") == ".");
}
