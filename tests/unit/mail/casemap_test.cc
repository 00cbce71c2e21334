// i;unicode-casemap (RFC 5051).  The expected values are from UnicodeData.txt: simple title case,
// then the decomposition.
#include "lib/mail/casemap.h"

#include <cctype>

#include "tests/support/catch.h"
#include "tests/support/naive.h"

using namespace relais;

TEST_CASE("mail/casemap: ASCII of every length, by itself and beside other letters") {
    naive::Random random(1);
    for (std::size_t length = 0; length <= 64; ++length) {
        std::string text = random.text(length, "abcxyzABCXYZ019 @[`{~\t\x7f");
        std::string upper = text;
        for (char& c : upper) {
            c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
        INFO(text);
        CHECK(unicode_casemap(text) == upper);
        CHECK(unicode_casemap(text + "\xc3\xa4" + text) == upper + "A\xcc\x88" + upper);
    }
}

TEST_CASE("mail/casemap: letters, ligatures and numbers are taken apart") {
    CHECK(unicode_casemap("\u00c4") == "A\u0308");
    CHECK(unicode_casemap("\u00df") ==
          "\u00df");  // its capital is two letters: not the simple mapping
    CHECK(unicode_casemap("\u03c2") == "\u03a3");
    CHECK(unicode_casemap("\u0436") == "\u0416");
    CHECK(unicode_casemap("\u01c6") == "Dz\u030c");  // title case, not upper
    CHECK(unicode_casemap("\u212b") == "A\u030a");
    CHECK(unicode_casemap("\ufb01") == "fi");
    CHECK(unicode_casemap("\u2460") == "1");
    CHECK(unicode_casemap("\uac00") == "\u1100\u1161");
    CHECK(unicode_casemap("\U00010428") == "\U00010400");
}

TEST_CASE("mail/casemap: bytes that are no UTF-8 stay what they are") {
    CHECK(unicode_casemap("\xc3") == "\xc3");
    CHECK(unicode_casemap("\xc3"
                          "Ab") ==
          "\xc3"
          "AB");
    CHECK(unicode_casemap("\xc3\xc3\x84") ==
          "\xc3"
          "A\xcc\x88");
    CHECK(unicode_casemap("\xed\xa0\x80") == "\xed\xa0\x80");
}
