// Messages: structure, envelopes, sections, search keys, decoding.  The ENVELOPE and BODYSTRUCTURE
// texts are those of Dovecot 2.3.19 for the same messages.
#include <ctime>

#include "lib/imap/address_list.h"
#include "lib/imap/charset.h"
#include "lib/imap/envelope.h"
#include "lib/imap/fetch_items.h"
#include "lib/imap/format.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/mime_tree.h"
#include "lib/imap/search_key.h"
#include "lib/imap/section.h"

#include "tests/support/catch.h"

using namespace relais::imap;

namespace {

std::string envelope(std::string_view message) {
    std::string out;
    MimePart part = parse_mime(message);
    append_envelope(out, message.substr(0, part.body.offset));
    return out;
}

std::string structure(std::string_view message) {
    std::string out;
    append_body(out, message, parse_mime(message), BodyForm::kBodyStructure);
    return out;
}

std::string fetch(std::string_view message, std::string_view items) {
    Scanner scanner(items);
    auto parsed = parse_fetch_items(scanner);
    if (!parsed || !scanner.at_end()) {
        return "BAD";
    }
    std::string out;
    MimePart root = parse_mime(message);
    for (const FetchItem& item : parsed->items) {
        append_section(out, message, root, item);
    }
    return out;
}

constexpr std::string_view kNested =
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\npre\n--o\n"
    "Content-Type: message/rfc822\n\nFrom: in@ner\nSubject: inner\n"
    "Content-Type: multipart/mixed; boundary=i\n\n--i\n\none\n--i\nContent-Type: text/x-y\n\n"
    "two\nlines\n--i--\n\n--o\n\nlast\n--o--\n";

}  // namespace

TEST_CASE("imap/envelope: addresses in all their forms") {
    CHECK(envelope("From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\n"
                   "To:A Group(Some people)\n     :Chris Jones <c@(Chris's host.)public.example>,\n"
                   "         joe@example.org,\n  John <jdoe@one.test> (my dear friend); (the end)\n"
                   "Cc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;\n"
                   "In-Reply-To: <a@b>\n   <c@d>\n\ntext\n") ==
          "(NIL NIL ((\"Pete\" NIL \"pete\" \"silly.test\")) ((\"Pete\" NIL \"pete\" "
          "\"silly.test\")) "
          "((\"Pete\" NIL \"pete\" \"silly.test\")) ((NIL NIL \"A Group\" NIL)"
          "(\"Chris Jones\" NIL \"c\" \"public.example\")(NIL NIL \"joe\" \"example.org\")"
          "(\"John\" NIL \"jdoe\" \"one.test\")(NIL NIL NIL NIL)) "
          "((NIL NIL \"Hidden recipients\" NIL)(NIL NIL NIL NIL)) NIL \"<a@b>   <c@d>\" NIL)");
    CHECK(
        envelope("From: noat\nTo: <>\nCc: foo bar\nBcc: <@n.test:m@e.net>\nSubject: \n\n") ==
        "(NIL \"\" ((NIL NIL \"noat\" \"MISSING_DOMAIN\")) ((NIL NIL \"noat\" \"MISSING_DOMAIN\")) "
        "((NIL NIL \"noat\" \"MISSING_DOMAIN\")) "
        "((NIL NIL \"MISSING_MAILBOX\" \"MISSING_DOMAIN\")) "
        "((\"foo bar\" NIL \"MISSING_MAILBOX\" \"MISSING_DOMAIN\")) "
        "((NIL \"@n.test\" \"m\" \"e.net\")) NIL NIL)");
    CHECK(envelope("") == "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
}

TEST_CASE("imap/structure: parts, sizes as on the wire, parameters") {
    CHECK(
        structure("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"xx\"\n\npreamble\n"
                  "--xx\nContent-Type: text/plain; charset=utf-8\n"
                  "Content-Transfer-Encoding: base64\n\naGVsbG8=\n--xx\n"
                  "Content-Type: application/pdf; name=\"a b.pdf\"\n"
                  "Content-Disposition: attachment; filename=\"a b.pdf\"; size=12\n"
                  "Content-ID: <cid@x>\nContent-Description: some desc\nContent-MD5: abc==\n"
                  "Content-Language: en, de\nContent-Location: http://x/\n\nbinary\ndata\n"
                  "--xx--\nepilogue\n") ==
        "((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"base64\" 8 0 NIL NIL NIL NIL)"
        "(\"application\" \"pdf\" (\"name\" \"a b.pdf\") \"<cid@x>\" \"some desc\" \"7bit\" 12 "
        "\"abc==\" (\"attachment\" (\"filename\" \"a b.pdf\" \"size\" \"12\")) (\"en\" \"de\") "
        "\"http://x/\") \"mixed\" (\"boundary\" \"xx\") NIL NIL NIL)");
    CHECK(
        structure("Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: m1\n\nb1\n--d--\n")
            .starts_with("((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 (NIL \"m1\""));
    CHECK(structure("Content-Type: multipart/mixed; boundary=none\n\nno boundary here\n") ==
          "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL) "
          "\"mixed\" (\"boundary\" \"none\") NIL NIL NIL)");
}

TEST_CASE("imap/structure: an inner part ends at the outer boundary") {
    MimePart root = parse_mime(
        "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; "
        "boundary=y\n\n--y\n\nin y\n--x\n\nback in x\n--x--\n");
    REQUIRE(root.children.size() == 2);
    REQUIRE(root.children[0].children.size() == 1);
    CHECK(root.children[0].children[0].body_wire_size() == 4);
    CHECK(root.children[1].body_wire_size() == 9);
}

TEST_CASE("imap/structure: depth and number of parts are bounded") {
    std::string deep;
    for (int i = 0; i < 3000; ++i) {
        deep += "Content-Type: message/rfc822\n\n";
    }
    CHECK(parse_mime(deep).end.offset == deep.size());
    std::string wide = "Content-Type: multipart/mixed; boundary=b\n\n";
    for (int i = 0; i < 20000; ++i) {
        wide += "--b\n\n";
    }
    CHECK(parse_mime(wide).children.size() <= 10000);
}

TEST_CASE("imap/structure: pieces of RFC 2231 are one parameter") {
    auto parameters = [](const std::string& text) {
        std::string whole = structure("MIME-Version: 1.0\nContent-Type: a/b; " + text + "\n\n");
        constexpr std::string_view kBefore = R"(("a" "b" )";
        return whole.substr(kBefore.size(), whole.find(" NIL NIL \"7bit") - kBefore.size());
    };
    CHECK(parameters("name*0=\"Nr. 26 \"; name*1=\"end.pdf\"") == R"(("name" "Nr. 26 end.pdf"))");
    CHECK(parameters("f*0*=UTF-8''%C3%9C%20;\n f*1*=gr%C3%B6; f*2=\".p%f\"; x=y") ==
          R"(("x" "y" "f*" "UTF-8''%C3%9C%20gr%C3%B6.p%25f"))");
    CHECK(parameters("n*10=k;n*9=j;n*8=i;n*7=h;n*6=g;n*5=f;n*4=e;n*3=d;N*2=c;n*1=b;n*0=a") ==
          R"(("n" "abcdefghijk"))");
    CHECK(parameters("n*0=plain%20; n*1*=%e9") == R"(("n*" "''plain%2520%e9"))");
    CHECK(parameters("n=whole; n*0=a; n*1=b") == R"(("n" "whole" "n" "ab"))");
    CHECK(parameters("n*0=a; n*2=c") == R"(("n*0" "a" "n*2" "c"))");
    CHECK(parameters("n*1=b; n*0=a; n*1=c") == R"(("n*0" "a" "n*1" "b" "n*1" "c"))");
    CHECK(parameters("n*x=a; n*-1=b") == R"(("n*x" "a" "n*-1" "b"))");
    CHECK(parameters("n*=utf-8''%e9; *0=a") == R"(("" "a" "n*" "utf-8''%e9"))");
    MimePart joined = parse_mime(
        "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\nx\n--ab--\n");
    CHECK(joined.children.size() == 1);
}

TEST_CASE("imap/structure: header values that are no such") {
    CHECK(structure("Content-Type: \"text\"/html\nContent-Transfer-Encoding: \"base64\"\n\nx\n") ==
          R"(("" "" NIL NIL NIL "7bit" 3 NIL NIL NIL NIL))");
    CHECK(structure("Content-Type: text/html, x=y\nContent-Disposition: ; filename=x\n\nx\n") ==
          R"(("" "" NIL NIL NIL "7bit" 3 NIL ("" ("filename" "x")) NIL NIL))");
    CHECK(structure("Content-Type: text/x; charset=\"\"\nContent-Language: (c) en, de;x, fr\n\n") ==
          R"(("text" "x" ("charset" "") NIL NIL "7bit" 0 0 NIL NIL ("en" "de") NIL))");
}

TEST_CASE("imap/structure: a line that begins with the boundary is a delimiter") {
    auto parts = [](std::string_view body) {
        return parse_mime("Content-Type: multipart/mixed; boundary=b\n\n" + std::string(body))
            .children;
    };
    CHECK(parts("--b and more\n\n1\n--bX\n\n2\n--b--X\n\n3\n").size() == 2);
    // The inner boundary begins with the outer one.
    auto nested = parts(
        "--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\nin\n--bb--\n--b\n\nout\n");
    REQUIRE(nested.size() == 2);
    CHECK(nested[0].children.size() == 1);
}

TEST_CASE("imap/format: octets that IMAP has no form for") {
    using namespace std::string_literals;
    std::string out;
    append_string(out, "a\0b"s);
    CHECK(out ==
          "{5}\r\na\xef\xbf\xbd"
          "b");
    CHECK(envelope("Subject: nul\0x\ncc\n"s) ==
          "(NIL {7}\r\nnul\xef\xbf\xbdx NIL NIL NIL NIL NIL NIL NIL NIL)");
    CHECK(envelope("Subject: a\rb\t c\nMessage-ID: <a@b>\n\t<c@d>\n\n") ==
          "(NIL \"a b c\" NIL NIL NIL NIL NIL NIL NIL \"<a@b>\t<c@d>\")");
    CHECK(fetch("A: b\n\nc\0d\n"s, "BODY[TEXT]") ==
          "BODY[TEXT] {5}\r\nc\x80"
          "d\r\n");
    MimePart root = parse_mime("\n\0x\n"s);
    std::string piece;
    cut_section("\n\0x\n"s, root, Section())->reader().read(piece, 4);
    CHECK(piece == "\r\n\x80x");
}

TEST_CASE("imap/addresses: what stands behind one ends the list; for people to read") {
    CHECK(envelope("From: a@b@c, <d@e> more\nTo: \"\" <f@g>\n\n") ==
          "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) "
          "((NIL NIL \"f\" \"g\")) NIL NIL NIL NIL)");
    CHECK(
        show_address_list(
            "a @ b.test (Comment Name), \"Last, \\\"F\\\"\" <l@x>, g: =?utf-8?q?=C3=A9?= <e@x>;") ==
        "Comment Name <a@b.test>, Last, \"F\" <l@x>, g:, \xc3\xa9 <e@x>");
}

TEST_CASE("imap/addresses: quoted pairs and line ends cost no more than other characters") {
    constexpr std::size_t kPairs = 400'000;  // at each of which all before was copied: 10 s
    for (std::string_view piece : {"\\a", "a\n "}) {
        for (std::string_view opening : {"a (", "\"", "a@["}) {
            std::string field(opening);
            for (std::size_t i = 0; i < kPairs; ++i) {
                field += piece;
            }
            const std::clock_t begin = std::clock();
            CHECK(parse_address_list(field).size() == 1);
            CHECK(std::clock() - begin < 2 * CLOCKS_PER_SEC);
        }
    }
}

TEST_CASE("imap/section: parts of a nested message") {
    CHECK(fetch(kNested, "BODY[1.1]") == "BODY[1.1] {3}\r\none");
    CHECK(fetch(kNested, "BODY[1.2.MIME]") ==
          "BODY[1.2.MIME] {26}\r\nContent-Type: text/x-y\r\n\r\n");
    CHECK(fetch(kNested, "BODY[1.HEADER.FIELDS (subject)]") ==
          "BODY[1.HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: inner\r\n\r\n");
    CHECK(fetch(kNested, "BODY.PEEK[2]") == "BODY[2] {4}\r\nlast");
    CHECK(fetch(kNested, "BODY[2.1]") == "BODY[2.1] {4}\r\nlast");
    CHECK(fetch(kNested, "BODY[2.1.1]") == "BODY[2.1.1] NIL");
    CHECK(fetch(kNested, "BODY[2.2]") == "BODY[2.2] NIL");
    CHECK(fetch(kNested, "BODY[3]") == "BODY[3] NIL");
    CHECK(fetch(kNested, "BODY[2.HEADER]") == "BODY[2.HEADER] NIL");
    CHECK(fetch(kNested, "BODY[1.2]<2.4>") == "BODY[1.2]<2> {4}\r\no\r\nl");
    CHECK(fetch(kNested, "BODY[1.2]<100.4>") == "BODY[1.2]<100> {0}\r\n");
    CHECK(fetch("A: b\n\nbody\n", "BODY[1]") == "BODY[1] {6}\r\nbody\r\n");
    CHECK(fetch("A: b\r\n\r\nbody\r\n", "RFC822") == "RFC822 {14}\r\nA: b\r\n\r\nbody\r\n");
    CHECK(fetch("A: b\n\nbody\n", "RFC822.TEXT") == "RFC822.TEXT {6}\r\nbody\r\n");
    CHECK(fetch("A: b\nC: d\n\n", "BODY[HEADER.FIELDS.NOT (A)]") ==
          "BODY[HEADER.FIELDS.NOT (A)] {8}\r\nC: d\r\n\r\n");
}

TEST_CASE("imap/section: every range of the wire form") {
    std::string_view message = "a\nbc\r\n\nd";
    std::string wire = "a\r\nbc\r\n\r\nd";
    MimePart root = parse_mime(message);
    auto all = cut_section(message, root, Section());
    REQUIRE(all);
    REQUIRE(all->wire_size() == wire.size());
    for (std::size_t origin = 0; origin <= wire.size(); ++origin) {
        for (std::size_t count = 0; origin + count <= wire.size(); ++count) {
            std::string out;
            all->append(out, origin, count);
            CHECK(out == wire.substr(origin, count));
            // The same in two reads.
            WireReader reader = all->reader();
            std::string pieces;
            reader.read(pieces, origin);
            reader.read(pieces, count);
            CHECK(pieces == wire.substr(0, origin + count));
        }
    }
}

TEST_CASE("imap/fetch: items, macros, nonsense") {
    auto count = [](std::string_view text) -> std::size_t {
        Scanner scanner(text);
        auto parsed = parse_fetch_items(scanner);
        return parsed && scanner.at_end() ? parsed->items.size() : 0;
    };
    CHECK(count("ALL") == 4);
    CHECK(count("FULL") == 5);
    CHECK(count("FAST") == 3);
    CHECK(count("(UID FLAGS BODY.PEEK[HEADER.FIELDS (From To)] BODY[1.2]<0.10> BODY)") == 5);
    CHECK(count("( FLAGS  UID )  ") == 2);
    CHECK(count("BODY[HEADER.FIELDS  ( From  To ) ]") == 1);
    CHECK(fetch(kNested, "BODY[1.2]<4>") == "BODY[1.2]<4> {6}\r\n\nlines");
    CHECK(fetch(kNested, "BODY[1.2]<4.0>") == "BODY[1.2]<4> {0}\r\n");
    CHECK(fetch("A: b\n\n", "BODY[HEADER.FIELDS (\")\")]") ==
          "BODY[HEADER.FIELDS (\")\")] {2}\r\n\r\n");
    for (const char* bad :
         {"", "()", "UID FLAGS", "(UID", "BODY[0]", "BODY[1.]", "BODY[FOO]", "BODY[MIME]",
          "BODY[]<>", "BODY[]<1.>", "BODY[HEADER.FIELDS]", "BODY[HEADER.FIELDS ()]", "NONSENSE"}) {
        INFO(bad);
        CHECK(count(bad) == 0);
    }
}

TEST_CASE("imap/search: keys become a tree") {
    auto parse = [](std::string_view text) {
        Scanner scanner(text);
        return parse_search(scanner);
    };
    auto parsed = parse("CHARSET UTF-8 OR (SEEN FROM bob) NOT 1:5 SINCE 1-Feb-1994");
    REQUIRE(parsed);
    REQUIRE(parsed->kind == SearchKey::Kind::kAnd);
    REQUIRE(parsed->children.size() == 2);
    CHECK(parsed->children[0].kind == SearchKey::Kind::kOr);
    CHECK(parsed->children[1].number == 8797);
    CHECK(parsed->needs_message());
    CHECK(parse("UID $")->kind == SearchKey::Kind::kSaved);
    CHECK(parse("NOT $ SEEN"));
    CHECK(parse("CHARSET X-NONE ALL").error().code == relais::Errc::kDenied);
    for (const char* bad :
         {"", "FOO", "FROM", "OR SEEN", "NOT", "(SEEN", "SEEN)", "SINCE x", "1:", "LARGER -1",
          "1,$", "HEADER x", "SEEN)", "YOUNGER 0", "OLDER 4294967296"}) {
        INFO(bad);
        CHECK_FALSE(parse(bad));
    }
    CHECK_FALSE(parse(std::string(5000, '(')));
}

TEST_CASE("imap/charset: encoded words, transfer encodings, case") {
    CHECK(decode_header("=?UTF-8?B?w6k=?= =?iso-8859-1?q?=E9_x?= y") == "\xc3\xa9\xc3\xa9 x y");
    CHECK(decode_header("=?broken =?utf-8?x?y?=") == "=?broken =?utf-8?x?y?=");
    CHECK(decode_transfer("a=3D=\nb=\r\nc=zz", "Quoted-Printable") == "a=bc=zz");
    CHECK(decode_transfer("aGVs\nbG8=\n", "base64") == "hello");
    CHECK(decode_transfer("x=3D", "7bit") == "x=3D");
    CHECK(to_utf8("\xe9", "ISO-8859-1") == "\xc3\xa9");
    CHECK(to_utf8("\xe9", "no-such-set") == "\xe9");
    // Text of ASCII alone is something else there, under each of its names.
    for (const char* name : {"ISO-2022-JP", "iso2022jp", "csISO2022JP"}) {
        CHECK(to_utf8("\x1b$BF|\x1b(B", name) == "\xe6\x97\xa5");
    }
    CHECK(to_utf8("caf+AOk-", "utf7") == "caf\xc3\xa9");
    for (const char* name : {"csUnicode", "unicode-1-1-utf-7", "UCS-2", "utf16", "hz-gb-2312"}) {
        CHECK_FALSE(keeps_ascii(name));
    }
    for (const char* name : {"utf-8", "csISOLatin1", "us-ascii", "gbk", ""}) {
        CHECK(keeps_ascii(name));
    }
    CHECK_FALSE(is_known_charset("../../etc/x"));
}
