// The sources of a program are in no archive: the test includes the unit itself.
#include "services/anvil/client_table.cc"  // NOLINT

#include "tests/support/catch.h"

using namespace relais::anvil;

TEST_CASE("anvil/client_table: sessions and rates") {
    ClientTable table(std::chrono::seconds(60));
    CHECK(table.connect("smtp:a", 100).sessions == 1);
    CHECK(table.connect("smtp:a", 101).sessions == 2);
    CHECK(table.current(Rate::kConnection, "smtp:a", 101) == 2);
    CHECK(table.add(Rate::kMessage, "smtp:a", 102) == 1);
    CHECK(table.current(Rate::kMessage, "smtp:b", 102) == 0);
    table.disconnect("smtp:a", 103);
    CHECK(table.find("smtp:a")->sessions == 1);
    table.disconnect("smtp:a", 103);
    table.disconnect("smtp:a", 103);
    CHECK(table.find("smtp:a")->sessions == 0);
}

TEST_CASE("anvil/client_table: rates start afresh with the time unit") {
    ClientTable table(std::chrono::seconds(60));
    CHECK(table.add(Rate::kAuth, "smtp:a", 100) == 1);
    CHECK(table.add(Rate::kAuth, "smtp:a", 160) == 2);
    CHECK(table.current(Rate::kAuth, "smtp:a", 161) == 0);
    CHECK(table.add(Rate::kAuth, "smtp:a", 161) == 1);
}

TEST_CASE("anvil/client_table: clients are forgotten a time unit after their last session") {
    ClientTable table(std::chrono::seconds(60));
    table.connect("smtp:a", 100);
    table.expire(1000);
    CHECK(table.size() == 1);
    table.disconnect("smtp:a", 1000);
    table.expire(1060);
    CHECK(table.size() == 1);
    table.expire(1061);
    CHECK(table.size() == 0);
}
