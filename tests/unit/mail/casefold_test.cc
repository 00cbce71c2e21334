// Folding of addresses and domains, at every length from 0 to 64.
#include "lib/mail/casefold.h"

#include "tests/support/catch.h"
#include "tests/support/naive.h"

using namespace relais;

TEST_CASE("mail/casefold: every length") {
    naive::Random random(1);
    for (std::size_t length = 0; length <= 64; ++length) {
        std::string text = random.text(length, "aZ[`{@mM09.-_+");
        std::string lower = naive::lower(text);
        CHECK(fold_case(text) == lower);
        // Sharp s becomes two letters, final sigma the other one, the Kelvin sign a k.
        CHECK(fold_case(text + "\xc3\x9f\xcf\x82\xe2\x84\xaa" + text) ==
              lower + "ss\xcf\x83k" + lower);
        CHECK(fold_case(text + "\xc3") == lower + "\xc3");
    }
}
