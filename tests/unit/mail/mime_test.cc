#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/mail/mime_parser.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

// Writes down what the parser reports, one line each.
class Recorder : public MimeSink {
  public:
    void header(HeaderContext context, const HeaderInfo*, std::string text) override {
        log += format("{} {}\n", "PMN"[static_cast<int>(context)], text);
    }

    void end_of_headers(HeaderContext context) override {
        log += format("{} end\n", "PMN"[static_cast<int>(context)]);
    }

    void body(std::string_view line, LinePart part) override {
        log += format("{} {}\n", part == LinePart::kWhole ? 'b' : 'c', line);
    }

    std::string log;
};

std::string parsed(std::string_view message, MimeOptions options = {},
                   unsigned* problems = nullptr) {
    Recorder recorder;
    MimeParser parser(options, recorder);
    for (const auto line : split_fields(message, '\n')) {
        parser.line(line);
    }
    parser.finish();
    if (problems != nullptr) {
        *problems = parser.problems();
    }
    return recorder.log;
}

}  // namespace

TEST_CASE("mail/mime: a plain message") {
    CHECK(parsed("A: b\n c\nD: e\n\nbody\n\nE: f") ==
          "P A: b\n c\nP D: e\nP end\nb \nb body\nb \nb E: f\n");
}

TEST_CASE("mail/mime: a missing empty line is supplied") {
    CHECK(parsed("A: b\nbody") == "P A: b\nP end\nb \nb body\n");
    CHECK(parsed("A: b") == "P A: b\nP end\n");
    CHECK(parsed("body") == "P end\nb \nb body\n");
}

TEST_CASE("mail/mime: parts have headers") {
    CHECK(parsed("Content-Type: multipart/mixed; boundary=\"x y\"\n\npre\n--x y\nA: b\n\nbody\n"
                 "--x y--\nC: d") ==
          "P Content-Type: multipart/mixed; boundary=\"x y\"\nP end\nb \nb pre\nb --x y\nM A: b\n"
          "M end\nb \nb body\nb --x y--\nb C: d\n");
}

TEST_CASE("mail/mime: attached messages and inner multiparts") {
    CHECK(
        parsed("Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: message/rfc822\n\n"
               "Content-Type: multipart/mixed; boundary=i\n\n--i\n\nx\n--o\n\ny\n--o--") ==
        "P Content-Type: multipart/mixed; boundary=o\nP end\nb \nb --o\n"
        "M Content-Type: message/rfc822\nM end\nb \n"
        "N Content-Type: multipart/mixed; boundary=i\nN end\nb \nb --i\nM end\nb \nb x\n"
        "b --o\nM end\nb \nb y\nb --o--\n");
    // RFC 2046 5.1.5: the parts of a digest are messages.
    CHECK(parsed("Content-Type: multipart/digest; boundary=o\n\n--o\n\nA: b\n\nx") ==
          "P Content-Type: multipart/digest; boundary=o\nP end\nb \nb --o\nM end\nb \n"
          "N A: b\nN end\nb \nb x\n");
}

TEST_CASE("mail/mime: limits") {
    std::string deep;
    for (int i = 0; i < 7; ++i) {
        deep += format("Content-Type: multipart/mixed; boundary=b{}\n\n--b{}\n", i, i);
    }
    MimeOptions options;
    options.nesting_limit = 4;  // Postfix 3.7.11 lets two more pass than it says
    unsigned problems = 0;
    (void)parsed(deep, options, &problems);
    CHECK(problems == kMimeNesting);
    options = {};
    options.header_limit = 10;
    CHECK(parsed("A: 3456\n 890123\n no more\n\n", options, &problems) ==
          "P A: 3456\n 890123\nP end\nb \nb \n");
    CHECK(problems == kMimeTruncatedHeader);
    options = {};
    options.boundary_limit = 3;
    CHECK(parsed("Content-Type: multipart/mixed; boundary=abcdef\n\n--abcXYZ\nA: b\n\n", options)
              .find("M A: b") != std::string::npos);
}

TEST_CASE("mail/mime: structure can be ignored") {
    MimeOptions options;
    options.structure = MimeOptions::Structure::kIgnore;
    CHECK(parsed("Content-Type: multipart/mixed; boundary=x\n\n--x\nA: b", options) ==
          "P Content-Type: multipart/mixed; boundary=x\nP end\nb \nb --x\nb A: b\n");
}

TEST_CASE("mail/mime: conversion to 7 bits") {
    MimeOptions options;
    options.convert = MimeOptions::Convert::kTo7bit;
    CHECK(parsed("Content-Transfer-Encoding: 8bit\n\ncaf\xc3\xa9 = x \n\ny", options) ==
          "P Content-Transfer-Encoding: quoted-printable\nP end\nb \nb caf=C3=A9 =3D x=20\nb \n"
          "b y\n");
    CHECK(parsed("Content-Type: multipart/mixed; boundary=x\nContent-Transfer-Encoding: 8bit\n\n"
                 "--x\nContent-Transfer-Encoding: 8bit\n\n\xe9\n--x\n\nplain\n--x--",
                 options) ==
          "P Content-Type: multipart/mixed; boundary=x\nP Content-Transfer-Encoding: 7bit\nP end\n"
          "b \nb --x\nM Content-Transfer-Encoding: quoted-printable\nM end\nb \nb =E9\nb --x\n"
          "M end\nb \nb plain\nb --x--\n");
    const auto wide =
        parsed("Content-Transfer-Encoding: 8bit\n\n" + std::string(100, '\xe9'), options);
    for (const auto line : split_fields(wide, '\n')) {
        CHECK(line.size() <= 78);
    }
}

TEST_CASE("mail/mime: content types") {
    const auto type = parse_content_type("Text/HTML; charset=\"utf-8\" (c); name=a\\b ; x");
    CHECK(type.is("text", "html"));
    CHECK(type.parameter("charset") == "utf-8");
    CHECK(type.parameter("none").empty());
    CHECK(parse_content_type("garbage").is("text", "plain"));
    CHECK(parse_content_type("").is("text", "plain"));
    CHECK(parse_disposition("attachment; filename=\"a b\"").parameter("filename") == "a b");
    CHECK(parse_transfer_encoding(" Base64") == TransferEncoding::kBase64);
    CHECK(parse_transfer_encoding("x-foo") == TransferEncoding::kUnknown);
}
