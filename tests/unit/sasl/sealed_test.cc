#include "lib/sasl/sealed.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("sasl/sealed: whoever has the secret opens it, as what it is") {
    Sealer sealer("correct horse battery staple, and more");
    std::string text("a\0b", 3);
    std::string sealed = sealer.seal(text, "name");
    CHECK(sealer.open(sealed, "name") == text);
    CHECK(sealer.seal(text, "name") != sealed);
    CHECK(sealed.find(text) == std::string::npos);
    CHECK(Sealer("correct horse battery staple, and more").open(sealed, "name") == text);
    CHECK(sealer.open(sealer.seal("", ""), "") == "");
}

TEST_CASE("sasl/sealed: nobody else does") {
    Sealer sealer("correct horse battery staple, and more");
    std::string sealed = sealer.seal("text", "name");
    CHECK_FALSE(sealer.open(sealed, "other"));
    CHECK_FALSE(Sealer("another secret of good length, really").open(sealed, "name"));
    CHECK_FALSE(sealer.open("", "name"));
    CHECK_FALSE(sealer.open(sealed.substr(1), "name"));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string torn = sealed;
        torn[i] = static_cast<char>(torn[i] ^ 1);
        CHECK_FALSE(sealer.open(torn, "name"));
        CHECK_FALSE(sealer.open(sealed.substr(0, i), "name"));
    }
}
