#include "lib/base/known_ports.h"

#include "tests/support/catch.h"

using namespace relais;

// What is wrong with each entry: tests/oracle/test_known_ports.py.
TEST_CASE("known_ports: the names of an entry up to the first that is wrong have its port") {
    using Problems = std::vector<std::string>;
    CHECK(set_known_ports("a = b = 4025, smtp=25,, A=26, c=25=27, d=x, smtp=28") ==
          Problems{R"(in " c=25=27": numerical service name)",
                   R"(in " d=x": non-numerical service port)",
                   R"(in " smtp=28": duplicate service name)"});
    CHECK(known_port("a") == "4025");
    CHECK(known_port("b") == "4025");
    CHECK(known_port("A") == "26");
    CHECK(known_port("c") == "27");
    CHECK(known_port("d") == "d");
    CHECK(known_port("smtp") == "25");
    CHECK(known_port("26") == "26");
    CHECK(known_port("").empty());
    CHECK(set_known_ports("").empty());
    CHECK(known_port("smtp") == "smtp");
}
