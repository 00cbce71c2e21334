#include "lib/base/format.h"
#include "lib/smtp/data_decoder.h"
#include "lib/smtp/data_encoder.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtp;

namespace {

// The decoder's answers as text: "[line]", "[piece-", "END", "..." (needs more), then the rest.
std::string decoded(std::string_view input, BareNewline mode, std::size_t limit = 2048) {
    DataDecoder decoder(mode, limit);
    std::string out;
    for (;;) {
        DataDecoder::Line line;
        switch (decoder.next(input, line)) {
            case DataDecoder::Step::kLine:
                out += format("[{}{}", line.text, line.part == LinePart::kWhole ? "]" : "-");
                break;
            case DataDecoder::Step::kEnd:
                return out + "END" + std::string(input);
            case DataDecoder::Step::kNeedMore:
                return out + "..." + std::string(input);
        }
    }
}

}  // namespace

TEST_CASE("smtp/data: lines, dots and the end") {
    CHECK(decoded("a\r\n..b\r\n\r\n.\r\nQUIT\r\n", BareNewline::kNormalize) ==
          "[a][.b][]ENDQUIT\r\n");
    CHECK(decoded(".\r\n", BareNewline::kNormalize) == "END");
    CHECK(decoded("a\r\n.", BareNewline::kNormalize) == "[a]....");
    CHECK(decoded("a\r", BareNewline::kNormalize) == "...a\r");
}

TEST_CASE("smtp/data: only CRLF.CRLF ends the data") {
    for (const auto* smuggled :
         {"a\n.\r\nb", "a\r\n.\nb", "a\n.\nb", "a\r\n.\r\r\nb", "a\r.\r\nb"}) {
        INFO(smuggled);
        CHECK(decoded(std::string(smuggled) + "\r\n.\r\n", BareNewline::kNormalize)
                  .ends_with("b]END"));
    }
    CHECK(decoded("a\n.\nb\n.\n", BareNewline::kAccept) == "[a]ENDb\n.\n");
    CHECK(decoded("a\nb\r\n.\r\n", BareNewline::kNormalize) == "[a][b]END");
    // The end must follow a CRLF, not a bare newline before it.
    CHECK(decoded("a\n.\r\n.\r\n", BareNewline::kNormalize) == "[a]END");
}

TEST_CASE("smtp/data: long lines come in pieces") {
    CHECK(decoded("abcdefghij\r\n.\r\n", BareNewline::kNormalize, 4) == "[abcd-[efgh-[ij]END");
    // A dot at the start of a later piece is content, and a CRLF is not torn.
    CHECK(decoded("abcd.fgh\r\n.\r\n", BareNewline::kNormalize, 4) == "[abcd-[.fgh-[]END");
    CHECK(decoded("abc\r\n.\r\n", BareNewline::kNormalize, 4) == "[abc]END");
    CHECK(decoded("abc\r", BareNewline::kNormalize, 4) == "...abc\r");
    CHECK(decoded("abc\rd\r\n.\r\n", BareNewline::kNormalize, 4) == "[abc\r-[d]END");
}

TEST_CASE("smtp/data: encoding") {
    DataEncoder encoder;
    std::string out;
    encoder.line("a", LinePart::kWhole, out);
    encoder.line(".b", LinePart::kPartial, out);
    encoder.line(".c", LinePart::kWhole, out);
    encoder.finish(out);
    CHECK(out == "a\r\n..b.c\r\n.\r\n");
    DataEncoder narrow(4);
    out.clear();
    narrow.line("abcdefgh", LinePart::kWhole, out);
    narrow.line("abcd", LinePart::kWhole, out);
    CHECK(out == "abcd\r\n efg\r\n h\r\nabcd\r\n");
}

TEST_CASE("smtp/data: what is encoded comes back") {
    const std::string_view lines[] = {"", ".", "..", "a", ".a.", "a.b"};
    DataEncoder encoder;
    std::string out;
    std::string expected;
    for (const auto line : lines) {
        encoder.line(line, LinePart::kWhole, out);
        expected += format("[{}]", line);
    }
    encoder.finish(out);
    CHECK(decoded(out, BareNewline::kNormalize) == expected + "END");
}
