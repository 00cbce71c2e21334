#include "lib/event/gunzip.h"

#include <zlib.h>

#include "tests/support/catch.h"

using namespace relais;

namespace {

std::string gzip(std::string_view text) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // NOLINT: zlib
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

}  // namespace

TEST_CASE("event/gunzip: what goes in comes out, up to a limit") {
    for (std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 131072U, 1000000U}) {
        std::string text(size, 'x');
        for (std::size_t i = 0; i < size; i += 7) {
            text[i] = static_cast<char>(i * 31);
        }
        CHECK(gunzip(gzip(text), 1000000) == text);
    }
    CHECK(gunzip(gzip(std::string(100, 'x')), 100) == std::string(100, 'x'));
    CHECK(gunzip(gzip(std::string(101, 'x')), 100).error().code == Errc::kTooLarge);
    CHECK(gunzip(gzip(std::string(100000000, 'x')), 1000000).error().code == Errc::kTooLarge);
}

TEST_CASE("event/gunzip: what is damaged, torn or followed by more is none") {
    const std::string good = gzip("Subject: x\n\ntext\n");
    for (std::size_t size = 0; size < good.size(); ++size) {
        CHECK(gunzip(good.substr(0, size), 1000).error().code == Errc::kCorrupt);
    }
    CHECK(gunzip(good + "x", 1000).error().code == Errc::kCorrupt);
    std::string damaged = good;
    damaged[12] = static_cast<char>(damaged[12] ^ 0x10);
    CHECK(gunzip(damaged, 1000).error().code == Errc::kCorrupt);
    CHECK(gunzip("Subject: no gzip at all", 1000).error().code == Errc::kCorrupt);
}
