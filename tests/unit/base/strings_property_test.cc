// Strings and base64 against naive versions, at every length from 0 to 64.
#include "lib/base/base64.h"
#include "lib/base/strings.h"

#include "tests/support/catch.h"
#include "tests/support/naive.h"

using namespace relais;

TEST_CASE("base/base64: every length, there and back, and with a wrong byte anywhere") {
    naive::Random random(1);
    for (std::size_t length = 0; length <= 64; ++length) {
        std::string bytes = random.bytes(length);
        std::string coded = base64_encode(bytes);
        CHECK(coded == naive::base64(bytes));
        CHECK(base64_decode(coded) == bytes);
        for (std::size_t i = 0; i < coded.size(); ++i) {
            std::string wrong = coded;
            wrong[i] = "\0\x80!-_ "[random.below(6)];
            CHECK_FALSE(base64_decode(wrong));
            CHECK((i % 4 == 0 || !base64_decode(coded.substr(0, i))));
        }
    }
}

TEST_CASE("base/strings: case, comparison and trimming at every length") {
    naive::Random random(2);
    for (std::size_t length = 0; length <= 64; ++length) {
        for (int round = 0; round < 4; ++round) {
            std::string text = random.text(length, "aZ[`{@ \tm9\xc3\x84");
            std::string lower = naive::lower(text);
            CHECK(lowercase(text) == lower);
            CHECK(naive::lower(uppercase(text)) == lower);
            CHECK(uppercase(lower) == uppercase(text));
            CHECK(iequals(text, lower));
            CHECK(istarts_with(text + "x", lower));
            CHECK(iends_with("x" + text, lower));
            CHECK_FALSE(iequals(text, lower + "x"));
            for (std::size_t i = 0; i < length; ++i) {
                std::string other = lower;
                other[i] = '#';
                CHECK_FALSE(iequals(text, other));
            }
            std::string kept = "(" + text + ")";
            CHECK(trim(std::string(length, ' ') + kept + std::string(length % 7, '\n')) == kept);
            std::string joined;
            for (std::string_view field : split_fields(text, 'm')) {
                joined += "m" + std::string(field);
            }
            CHECK(joined.substr(1) == text);
        }
    }
}

TEST_CASE("base/strings: numbers of every length") {
    for (std::size_t length = 1; length <= 64; ++length) {
        std::string ones(length, '1');
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < std::min<std::size_t>(length, 20); ++i) {
            value = value * 10 + 1;
        }
        // 20 ones still fit into 64 bits, 19 into 63.
        CHECK(parse_uint(ones) == (length <= 20 ? std::optional(value) : std::nullopt));
        CHECK(parse_int("-" + ones).has_value() == (length <= 19));
        CHECK_FALSE(parse_uint(ones + "x"));
    }
}
