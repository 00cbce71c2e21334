// What APPEND is made of: its steps, URLs, binary parts; and previews.
#include "lib/imap/append_parser.h"
#include "lib/imap/binary_part.h"
#include "lib/imap/command_reader.h"
#include "lib/imap/format.h"
#include "lib/imap/imap_url.h"
#include "lib/imap/preview.h"

#include "tests/support/catch.h"

using namespace relais::imap;
using Kind = AppendStep::Kind;

namespace {

// The steps as letters: b begin, t text, B binary text, u URL, U URL in a literal, e end, d done, x
// bad.
std::string steps(std::vector<std::string_view> lines,
                  AppendParser::Messages messages = AppendParser::Messages::kMany) {
    AppendParser parser(messages);
    parser.line(lines.front());
    std::size_t at = 1;
    std::string out;
    for (;;) {
        AppendStep step = parser.next();
        constexpr std::string_view kLetters = "btuUedx";
        out += step.binary ? 'B' : kLetters[static_cast<std::size_t>(step.kind)];
        if (step.kind == Kind::kBad || step.kind == Kind::kDone) {
            return out;
        }
        if (step.kind == Kind::kText || step.kind == Kind::kUrlLiteral) {
            if (at == lines.size()) {
                return out + "!";
            }
            parser.line(lines[at++]);
        }
    }
}

}  // namespace

TEST_CASE("imap/append: the steps of a command") {
    CHECK(steps({" {310}", ""}) == "bted");
    // RFC 3502
    CHECK(steps({" (\\Seen) {329}", " (\\Seen) \" 7-Feb-1994 22:43:04 -0800\" {295}", ""}) ==
          "btebted");
    CHECK(steps({" {1}", " {1}", ""}, AppendParser::Messages::kOne) == "btex");
    // RFC 4469 5.1
    CHECK(
        steps({" (\\Seen) CATENATE (URL \"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER\" "
               "TEXT {42}",
               " URL \"/Drafts;UIDVALIDITY=385759045/;UID=30\" TEXT {44}", ")"}) == "bututed");
    CHECK(steps({" CATENATE (URL {9}", ")"}) == "bUed");
    CHECK(steps({" CATENATE (TEXT {9}", ") {3}", ""}) == "btebted");
    // RFC 3516 4.4, RFC 6855 4
    CHECK(steps({" ~{3}", ""}) == "bBed");
    CHECK(steps({" CATENATE (TEXT ~{3}", ")"}) == "bted");
    CHECK(steps({" UTF8 (~{3}", ")"}) == "bted");
    for (const char* bad :
         {"", " ", " x", " (\\Seen)", " (\\Seen {3}", " CATENATE", " CATENATE (", " CATENATE ()",
          " CATENATE (x)", " CATENATE (URL)", " CATENATE (TEXT)", " CATENATE (TEXT \"x\")",
          " \"1-Foo-2020 00:00:00 +0000\" {1}", " UTF8 {3}"}) {
        INFO(bad);
        CHECK(steps({bad, ""}).ends_with('x'));
    }
    CHECK(steps({" {1}", "x"}) == "btex");
    CHECK(steps({" UTF8 (~{1}", ""}) == "btx");
    CHECK(steps({" CATENATE (TEXT {1}", " "}) == "btx");
}

TEST_CASE("imap/reader: messages of APPEND and REPLACE are handed over, other literals are not") {
    auto event = [](std::string_view line) {
        CommandReader reader;
        std::size_t taken = 0;
        auto found = reader.feed(std::string(line) + "\r\n", taken);
        CHECK(reader.message_follows() == (found == CommandReader::Event::kMessage));
        return found;
    };
    using Event = CommandReader::Event;
    CHECK(event("a APPEND box {5}") == Event::kMessage);
    CHECK(event("a APPEND \"b x\" (\\Seen) ~{5+}") == Event::kMessage);
    CHECK(event("a APPEND {5}") == Event::kContinue);
    CHECK(event("a REPLACE 4 Drafts (\\Seen \\Draft) {312}") == Event::kMessage);
    CHECK(event("a UID REPLACE 2000 Drafts {350}") == Event::kMessage);
    CHECK(event("a REPLACE 4 {5}") == Event::kContinue);
    CHECK(event("a REPLACE {5}") == Event::kContinue);
    CHECK(event("a UID {5}") == Event::kContinue);
    CHECK(event("a REPLACED 4 x {5}") == Event::kContinue);
}

TEST_CASE("imap/url: messages of this server") {
    auto url =
        parse_imap_url("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.2.MIME/;partial=3.9");
    REQUIRE(url);
    CHECK(url->mailbox == "Drafts");
    CHECK(url->uid_validity == 385759045U);
    CHECK(url->uid == 20);
    CHECK(url->section.to_string() == "1.2.MIME");
    CHECK(url->partial->count == 9);
    CHECK(parse_imap_url("/a/b%20c/%C3%A9/;UID=1")->mailbox == "a/b c/\xc3\xa9");
    CHECK(parse_imap_url(";UID=7")->mailbox.empty());
    CHECK(parse_imap_url("/x/;UID=1/;SECTION=HEADER.FIELDS%20(DATE)")->section.fields.size() == 1);
    for (const char* bad : {"", "/", "x/;UID=1", "/;UID=1", "/x", "/x/;UID=0", "/x/;UID=4294967296",
                            "/x/;UID=1/;UID=2", "/x/;SECTION=1", "/x%/;UID=1", "/x%0/;UID=1",
                            "/x%00/;UID=1", "/x;UIDVALIDITY=/;UID=1", "/x;FOO=1/;UID=1",
                            "/x/;UID=1/;SECTION=1]2", "/x/;UID=1/;PARTIAL=1.0", "/x/;UID=1/x",
                            "imap://h/x/;UID=1", "/x/;UID=1/;URLAUTH=anonymous"}) {
        INFO(bad);
        CHECK_FALSE(parse_imap_url(bad));
    }
    CHECK_FALSE(parse_imap_url("/" + std::string(9000, 'x') + "/;UID=1"));
}

TEST_CASE("imap/binary: parts are decoded, and encoded again") {
    std::string text = "Content-Transfer-Encoding: base64\n\naGVs\nbG8=\n";
    auto decoded = decode_part(text, parse_mime(text), PartHeader::kLeaveOut);
    REQUIRE(decoded);
    CHECK(decoded->bytes == "hello");
    CHECK(decoded->decoded);
    CHECK(decode_part(text, parse_mime(text), PartHeader::kWrite)->bytes ==
          "Content-Transfer-Encoding: binary\r\n\r\nhello");
    std::string plain = "Subject: x\n\na\nb\r\nc";
    CHECK(decode_part(plain, parse_mime(plain), PartHeader::kLeaveOut)->bytes == "a\r\nb\r\nc");
    CHECK_FALSE(decode_part(plain, parse_mime(plain), PartHeader::kLeaveOut)->decoded);
    std::string odd = "Content-Transfer-Encoding: x-zip\n\nabc";
    CHECK_FALSE(decode_part(odd, parse_mime(odd), PartHeader::kLeaveOut));
    std::string bytes(100, '\0');
    std::string binary =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        "Content-Transfer-Encoding: BINARY\r\n\r\n" +
        bytes + "\r\n--b--\r\n";
    std::string stored = encode_binary_parts(binary);
    CHECK(stored.find('\0') == std::string::npos);
    CHECK(stored.find("base64\r\n\r\n" + std::string(76, 'A') + "\r\n") != std::string::npos);
    MimePart root = parse_mime(stored);
    REQUIRE(root.children.size() == 1);
    CHECK(decode_part(stored, root.children[0], PartHeader::kLeaveOut)->bytes == bytes);
    CHECK(encode_binary_parts(plain) == plain);
}

TEST_CASE("imap/preview: what is shown of a message") {
    auto preview = [](const std::string& text) { return make_preview(text, parse_mime(text)); };
    CHECK(preview("Subject: x\n\n  one\n\ttwo \r\n") == "one two");
    CHECK(preview("Subject: x\n\n> old\nnew\n") == "new");
    CHECK(preview("Subject: x\n\n> only\n> old\n") == ">only old");
    CHECK(preview("Subject: x\n\n" + std::string(500, 'x')).size() == 200);
    CHECK(preview("Content-Type: text/html\n\n<STYLE>a</style>x<br>y &lt;&#x; <b")
              .starts_with("x y <"));
    CHECK(preview("Content-Type: text/html\n\n<script>never closed").empty());
    CHECK(preview("Content-Type: text/html\n\n<!-- x").empty());
    CHECK(preview("Content-Type: image/png\n\nabc").empty());
    CHECK(preview("Subject: x\n\na\xff\xfe \xc3\xa9") == "a\xef\xbf\xbd \xc3\xa9");
    CHECK(preview("Subject: x\n\na\x01\x02\x1b[31mb") == "a [31mb");
    // No character of UTF-8 begins with what continues one: it becomes one all the same.
    std::string odd = "Subject: x\n\n";
    for (int i = 0; i < 300; ++i) {
        odd += "a\x80";
    }
    std::string shown;
    for (int i = 0; i < 100; ++i) {
        shown += "a\xef\xbf\xbd";
    }
    CHECK(preview(odd) == shown);
    CHECK(preview("").empty());
}

TEST_CASE("imap/format: UTF-8 in quotes where it may be") {
    auto shown = [](std::string_view text) {
        std::string out;
        append_utf8_string(out, text);
        return out;
    };
    CHECK(shown("\xc3\xa9\"") == "\"\xc3\xa9\\\"\"");
    CHECK(shown("\xff") == "{1}\r\n\xff");
    CHECK(shown("\xc3\xa9\n") == "{3}\r\n\xc3\xa9\n");
}
