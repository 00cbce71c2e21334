#include "lib/mail/encoded_word.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("mail/encoded_word: RFC 2047's own example, and others by hand") {
    CHECK(encoded_words("Keld J\xF8rn Simonsen", "ISO-8859-1") ==
          "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=");
    CHECK(encoded_words("a=b?c_d(\"e\")", "utf-8") == "=?utf-8?B?YT1iP2NfZCgiZSIp?=");
    // Three bytes of UTF-8 each: 9 characters of Q, 4 of B.
    CHECK(encoded_words("\xE2\x82\xAC\xE2\x82\xAC", "utf-8") == "=?utf-8?B?4oKs4oKs?=");
    CHECK(encoded_words("", "utf-8").empty());
}

TEST_CASE("mail/encoded_word: long names are cut between characters") {
    std::string name;
    for (int i = 0; i < 60; ++i) {
        name += "\xC3\xA9";
    }
    std::string text = encoded_words(name, "utf-8");
    std::size_t begin = 0;
    int count = 0;
    while (begin < text.size()) {
        std::size_t end = std::min(text.find(' ', begin), text.size());
        CHECK(end - begin <= 75);
        // Each begins with a whole character: C3 in base64 begins with "w".
        CHECK(text.substr(begin, 12) == "=?utf-8?B?w6");
        begin = end + 1;
        ++count;
    }
    CHECK(count == 3);
}
