#include <vector>

#include "lib/base/format.h"
#include "lib/smtp/chunk_decoder.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtp;

namespace {

// The lines as text: "[line]", "[piece-", then what is kept, then " bare" where one was seen.
std::string decoded(const std::vector<std::string_view>& chunks, BareNewline mode,
                    std::size_t limit = 2048) {
    ChunkDecoder decoder(mode, limit);
    std::string out;
    DataDecoder::Line line;
    const auto add = [&] {
        out += format("[{}{}", line.text, line.part == LinePart::kWhole ? "]" : "-");
    };
    for (auto chunk : chunks) {
        while (decoder.next(chunk, line)) {
            add();
        }
        out += format("{}|", decoder.pending());
    }
    if (decoder.finish(line)) {
        add();
    }
    return out + (decoder.saw_bare_newline() ? " bare" : "");
}

std::string bdat(std::string_view line) {
    const auto chunk = parse_bdat(parse_command_line(line));
    return chunk ? format("{}{}", chunk->size, chunk->last ? " last" : "") : "malformed";
}

}  // namespace

TEST_CASE("smtp/chunk: the command") {
    CHECK(bdat("BDAT 10") == "10");
    CHECK(bdat("bdat 0 last") == "0 last");
    CHECK(bdat("BDAT 9223372036854775807 LAST") == "9223372036854775807 last");
    for (const auto* wrong :
         {"BDAT", "BDAT x", "BDAT -1", "BDAT +1", "BDAT 1 LAS", "BDAT 1 LAST x", "BDAT 0x1",
          "BDAT 9223372036854775808", "BDAT 99999999999999999999999"}) {
        INFO(wrong);
        CHECK(bdat(wrong) == "malformed");
    }
}

TEST_CASE("smtp/chunk: a chunk ends anywhere, and a dot means nothing") {
    CHECK(decoded({"a\r\n.\r\n..\r\n"}, BareNewline::kNormalize) == "[a][.][..]0|");
    CHECK(decoded({"a", "b\r", "\nc"}, BareNewline::kNormalize) == "1|3|[ab]1|[c]");
    CHECK(decoded({"a\r\n", ""}, BareNewline::kReject) == "[a]0|0|");
    CHECK(decoded({"a\r"}, BareNewline::kAccept) == "2|[a\r]");
    CHECK(decoded({""}, BareNewline::kNormalize) == "0|");
}

TEST_CASE("smtp/chunk: line ends") {
    CHECK(decoded({"a\nb\r\n"}, BareNewline::kAccept) == "[a][b]0| bare");
    CHECK(decoded({"a", "\n"}, BareNewline::kReject) == "1|[a]0| bare");
    CHECK(decoded({"a\r\r\n"}, BareNewline::kAccept) == "[a]0|");
    CHECK(decoded({"a\r\r\n"}, BareNewline::kNormalize) == "[a\r]0|");
}

TEST_CASE("smtp/chunk: long lines come in pieces") {
    CHECK(decoded({"abcdefghi\r\n"}, BareNewline::kNormalize, 4) == "[abcd-[efgh-[i]0|");
    CHECK(decoded({"abc\r\n"}, BareNewline::kNormalize, 4) == "[abc]0|");
    CHECK(decoded({"abc\r", "\n"}, BareNewline::kNormalize, 4) == "4|[abc]0|");
    CHECK(decoded({"abc\r", "d"}, BareNewline::kNormalize, 4) == "4|[abc\r-1|[d]");
    CHECK(decoded({"abcd", "\r\n"}, BareNewline::kReject, 4) == "4|[abcd-[]0|");
    CHECK(decoded({"abcd"}, BareNewline::kReject, 4) == "4|[abcd]");
    CHECK(decoded({"ab", "cdef"}, BareNewline::kReject, 4) == "2|[abcd-2|[ef]");
}
