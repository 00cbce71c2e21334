// The file of special uses.
#include "lib/store/special_uses.h"

#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("store/uses: given, moved, taken away, and read again") {
    std::string root = std::filesystem::temp_directory_path() / "relais-uses-XXXXXX";
    REQUIRE(::mkdtemp(root.data()) != nullptr);
    SpecialUses uses = SpecialUses::load(root, {'/'});
    CHECK(uses.find("Gesendet").empty());
    CHECK(uses.set("Gesendet", "\\Sent"));
    CHECK_FALSE(uses.set("Gesendet", "\\Sent"));
    CHECK(uses.set("a/b", "\\Drafts \\Trash"));
    CHECK(uses.is_given("\\trash"));
    CHECK_FALSE(uses.is_given("\\Junk"));
    CHECK(uses.rename("a", "c"));
    CHECK_FALSE(uses.rename("a", "d"));
    REQUIRE(uses.save(root, 0600));
    SpecialUses again = SpecialUses::load(root, {'.'});
    CHECK(again.find("c.b") == "\\Drafts \\Trash");
    CHECK(again.remove("c.b"));
    CHECK_FALSE(again.remove("c.b"));
    std::ofstream(root + "/relais.uses") << "x\nGesendet\t\nA\tDrafts\nB\t\\Junk\r\n\xff\t\\Sent\n";
    again = SpecialUses::load(root, {'.'});
    CHECK(again.find("A").empty());
    CHECK(again.find("B") == "\\Junk");
    CHECK_FALSE(again.is_given("\\Sent"));
    std::filesystem::remove_all(root);
}
