// Codecs, folding, sets and patterns of IMAP against naive versions, at every length from 0 to 64:
// a short string lies in the object and a longer one on the heap, and the difference once showed.
#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include <unicode/uchar.h>

#include "lib/base/strings.h"
#include "lib/imap/charset.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/sequence_set.h"
#include "lib/imap/utf7.h"

#include "tests/support/catch.h"
#include "tests/support/naive.h"

using namespace relais;

namespace {

std::string utf8_of(const std::vector<std::uint32_t>& codes) {
    std::string text;
    for (std::uint32_t code : codes) {
        text += naive::utf8(code);
    }
    return text;
}

// RFC 3501 5.1.3, from the bits up.
std::string naive_utf7(const std::vector<std::uint32_t>& codes) {
    std::string out;
    std::string units;
    auto flush = [&] {
        if (!units.empty()) {
            std::string shifted = naive::base64(units);
            std::ranges::replace(shifted, '/', ',');
            out += "&" + shifted.substr(0, shifted.find('=')) + "-";
            units.clear();
        }
    };
    auto unit = [&](std::uint32_t value) {
        units += static_cast<char>(value >> 8);
        units += static_cast<char>(value & 0xff);
    };
    for (std::uint32_t code : codes) {
        if (code >= 0x20 && code < 0x7f) {
            flush();
            out += code == '&' ? std::string("&-") : std::string(1, static_cast<char>(code));
        } else if (code < 0x10000) {
            unit(code);
        } else {
            unit(0xd800 + (code - 0x10000) / 0x400);
            unit(0xdc00 + (code - 0x10000) % 0x400);
        }
    }
    flush();
    return out;
}

bool naive_list_match(std::string_view pattern, std::string_view name) {
    if (pattern.empty()) {
        return name.empty();
    }
    if (pattern[0] == '*' || pattern[0] == '%') {
        for (std::size_t n = 0; n <= name.size(); ++n) {
            if (pattern[0] == '%' && name.substr(0, n).find('.') != std::string_view::npos) {
                return false;
            }
            if (naive_list_match(pattern.substr(1), name.substr(n))) {
                return true;
            }
        }
        return false;
    }
    return !name.empty() && name[0] == pattern[0] &&
           naive_list_match(pattern.substr(1), name.substr(1));
}

bool naive_parent_match(std::string_view pattern, std::string_view name) {
    for (std::size_t n = 0; n < name.size(); ++n) {
        if (name[n] == '.' && naive_list_match(pattern, name.substr(0, n))) {
            return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("imap/utf7: every length, there and back") {
    naive::Random random(2);
    const std::vector<std::uint32_t> some = {'a',  '&',    '-',    '~',    0x7f,
                                             0xe4, 0x20ac, 0x65e5, 0x1f600};
    for (std::size_t length = 0; length <= 64; ++length) {
        for (int round = 0; round < 8; ++round) {
            std::vector<std::uint32_t> codes;
            for (std::size_t i = 0; i < length; ++i) {
                codes.push_back(some[random.below(some.size())]);
            }
            std::string plain = utf8_of(codes);
            auto shifted = imap::utf8_to_utf7(plain);
            INFO(plain);
            REQUIRE(shifted);
            CHECK(*shifted == naive_utf7(codes));
            CHECK(imap::utf7_to_utf8(*shifted) == plain);
        }
    }
}

TEST_CASE("imap/charset: Latin-1 of every length, and around the converter's buffer") {
    naive::Random random(3);
    for (std::size_t length = 0; length <= 2100; length = length == 64 ? 2030 : length + 1) {
        std::string bytes;
        std::string wanted;
        for (std::size_t i = 0; i < length; ++i) {
            std::uint32_t code = random.below(2) == 0 ? 'x' : 0xa0 + random.below(0x60);
            bytes += static_cast<char>(code);
            wanted += naive::utf8(code);
        }
        CHECK(imap::to_utf8(bytes, "iso-8859-1") == wanted);
    }
}

TEST_CASE("imap/charset: transfer encodings and encoded words of every length") {
    naive::Random random(4);
    for (std::size_t length = 0; length <= 64; ++length) {
        std::string bytes = random.bytes(length);
        std::string quoted;
        for (char c : bytes) {
            quoted += naive::hex(c, "=");
        }
        CHECK(imap::decode_transfer(naive::base64(bytes), "base64") == bytes);
        CHECK(imap::decode_transfer(quoted, "Quoted-Printable") == bytes);
        CHECK(imap::decode_transfer(bytes, "8bit") == bytes);
        std::string text = random.text(length, "ab yz");
        CHECK(imap::decode_header("=?utf-8?B?" + naive::base64(text) + "?=") == text);
        std::string blanks = text;
        std::ranges::replace(blanks, ' ', '_');
        CHECK(imap::decode_header("x =?utf-8?q?" + blanks + "?= y") == "x " + text + " y");
    }
}

TEST_CASE("imap/set: members are those that a naive reading finds") {
    naive::Random random(5);
    constexpr std::uint32_t kLargest = 12;
    for (std::size_t length = 1; length <= 64; ++length) {
        std::string text;
        std::set<std::uint32_t> members;
        for (std::size_t i = 0; i < length; ++i) {
            auto number = [&] { return static_cast<std::uint32_t>(random.below(21)); };
            auto shown = [](std::uint32_t n) { return n == 0 ? "*" : std::to_string(n); };
            std::uint32_t first = number();
            std::uint32_t last = random.below(2) == 0 ? first : number();
            text += (i > 0 ? "," : "") + shown(first) + (last == first ? "" : ":" + shown(last));
            first = first == 0 ? kLargest : first;
            last = last == 0 ? kLargest : last;
            for (auto n = std::min(first, last); n <= std::max(first, last); ++n) {
                members.insert(n);
            }
        }
        INFO(text);
        auto parsed = imap::SequenceSet::parse(text);
        REQUIRE(parsed);
        auto resolved = parsed->resolve(kLargest);
        imap::SequenceSet built;
        for (std::uint32_t n = 1; n <= 25; ++n) {
            CHECK(resolved.contains(n) == members.contains(n));
            if (members.contains(n)) {
                built.add(n);
            }
        }
        CHECK(built.to_string() == resolved.to_string());
    }
}

TEST_CASE("imap/list: names that match are those that a naive reading finds") {
    naive::Random random(6);
    for (int round = 0; round < 4000; ++round) {
        std::string pattern = random.text(random.below(8), "ab.*%");
        std::string name = random.text(random.below(8), "ab.");
        INFO("pattern " << pattern << ", name " << name);
        auto got = imap::ListPattern(pattern, '.').match(name);
        CHECK((got == imap::ListMatch::kYes) == naive_list_match(pattern, name));
        if (got != imap::ListMatch::kYes) {
            CHECK((got == imap::ListMatch::kParent) == naive_parent_match(pattern, name));
        }
    }
    for (std::size_t length = 0; length <= 64; ++length) {
        std::string name(length, 'a');
        CHECK(imap::ListPattern(name, '.').match(name) == imap::ListMatch::kYes);
        CHECK(imap::ListPattern(name + "%", '.').match(name + "b") == imap::ListMatch::kYes);
        CHECK(imap::ListPattern(name + "%", '.').match(name + "b.c") == imap::ListMatch::kParent);
    }
}
