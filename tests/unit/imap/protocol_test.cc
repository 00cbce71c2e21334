// Tokens, commands, sets, names, patterns, dates.
#include <cstdlib>
#include <ctime>

#include "lib/imap/command_reader.h"
#include "lib/imap/dates.h"
#include "lib/imap/format.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/modseq.h"
#include "lib/imap/scanner.h"
#include "lib/imap/sequence_set.h"
#include "lib/imap/utf7.h"

#include "tests/support/catch.h"

using namespace relais::imap;
using Event = CommandReader::Event;

TEST_CASE("imap/utf7: RFC 3501's example, and back") {
    CHECK(utf7_to_utf8("~peter/mail/&U,BTFw-/&ZeVnLIqe-") ==
          "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
    CHECK(
        utf8_to_utf7("~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e") ==
        "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
    CHECK(utf8_to_utf7("Tom & Jerry") == "Tom &- Jerry");
    CHECK(utf7_to_utf8("Tom &- Jerry") == "Tom & Jerry");
    CHECK(utf8_to_utf7("Entw\xc3\xbcrfe") == "Entw&APw-rfe");
    CHECK(utf8_to_utf7("\xf0\x9f\x93\xa7") == "&2D3c5w-");
    CHECK(utf7_to_utf8("&2D3c5w-") == "\xf0\x9f\x93\xa7");
}

TEST_CASE("imap/utf7: what is not valid is refused") {
    CHECK_FALSE(utf7_to_utf8("&Jjo"));                // no end
    CHECK_FALSE(utf7_to_utf8("&Jjo!-"));              // not in the alphabet
    CHECK_FALSE(utf7_to_utf8("&U,BTFw-&ZeVnLIqe-"));  // superfluous shift (RFC 3501 5.1.3)
    CHECK_FALSE(utf7_to_utf8("&AGE-"));               // "a" must stand for itself
    CHECK_FALSE(utf7_to_utf8("&2D0-"));               // half a surrogate pair
    CHECK_FALSE(utf7_to_utf8("caf\xc3\xa9"));
    CHECK_FALSE(utf8_to_utf7("\xff"));
}

TEST_CASE("imap/list: stars and percents") {
    auto match = [](const char* pattern, const char* name) {
        return ListPattern(pattern, '.').match(name);
    };
    CHECK(match("*", "a.b.c") == ListMatch::kYes);
    CHECK(match("%", "a") == ListMatch::kYes);
    CHECK(match("%", "a.b") == ListMatch::kParent);
    CHECK(match("a.%", "a") == ListMatch::kChildren);
    CHECK(match("a.%", "a.b") == ListMatch::kYes);
    CHECK(match("a*c", "a.b.c") == ListMatch::kYes);
    CHECK(match("*b", "a.b.c") == ListMatch::kParent);
    CHECK(match("inbox", "INBOX") == ListMatch::kYes);
    CHECK(match("inbox.%", "INBOX.x") == ListMatch::kYes);
    CHECK(match("iN%", "INBOX") == ListMatch::kYes);
    CHECK(match("inbox", "inboxes") == ListMatch::kNo);
    CHECK(match("sent", "Sent") == ListMatch::kNo);
    CHECK(match("x", "a") == ListMatch::kNo);
    // Characters are matched, not what encodes them.
    CHECK(match("Entw\xc3\xbc*", "Entw&APw-rfe") == ListMatch::kYes);
    CHECK(match("Entw&APw-*", "Entw&APw-rfe") == ListMatch::kYes);
    CHECK(match("Entw&*", "Entw&APw-rfe") == ListMatch::kNo);
    CHECK(match("a&-%", "a&-b") == ListMatch::kYes);
}

TEST_CASE("imap/list: a thousand stars cost little") {
    std::string pattern;
    for (int i = 0; i < 900; ++i) {
        pattern += "*a";
    }
    CHECK(ListPattern(pattern, '.').match(std::string(800, 'a')) != ListMatch::kYes);
}

TEST_CASE("imap/sequence: parsed, resolved, merged") {
    auto set = SequenceSet::parse("5:3,1,7:*,8");
    REQUIRE(set);
    CHECK(set->resolve(10).to_string() == "1,3:5,7:10");
    CHECK(SequenceSet::parse("20:*")->resolve(10).to_string() == "10:20");
    CHECK(SequenceSet::parse("*")->resolve(10).contains(10));
    CHECK(SequenceSet::parse("1,2,")->resolve(9).to_string() == "1:2");
    CHECK(SequenceSet::parse("1:2,3")->resolve(9).to_string() == "1:3");
    for (const char* bad : {"", "0", "1,,2", ",1", "1:", "a", "1:2:3", "4294967296", "-1", "1 2"}) {
        INFO(bad);
        CHECK_FALSE(SequenceSet::parse(bad));
    }
    SequenceSet made;
    for (std::uint32_t n : {1U, 2U, 3U, 7U}) {
        made.add(n);
    }
    CHECK(made.to_string() == "1:3,7");
    CHECK_FALSE(made.contains(5));
    CHECK(made.contains(7));
}

TEST_CASE("imap/sequence: what is in both, and what is not") {
    using Range = SequenceSet::Range;
    SequenceSet some = SequenceSet::of({{10, 20}, {1, 3}, {4, 5}});
    CHECK(some.to_string() == "1:5,10:20");
    CHECK(some.count() == 16);
    CHECK(some.intersection(SequenceSet::of({{3, 12}, {20, 4294967295}})).to_string() ==
          "3:5,10:12,20");
    CHECK(some.intersection(SequenceSet()).empty());
    const std::vector<std::uint32_t> numbers = {1, 3, 7, 11, 12, 20};
    CHECK(some.without(numbers).to_string() == "2,4:5,10,13:19");
    const std::vector<std::uint32_t> last = {4294967295};
    CHECK(SequenceSet::of({{4294967290, 4294967295}}).without(last).ranges() ==
          std::vector<Range>{{4294967290, 4294967294}});
    CHECK(some.without({}).to_string() == some.to_string());
}

TEST_CASE("imap/modseq: parameters of SELECT") {
    auto parse = [](std::string_view text) {
        Scanner scanner(text);
        return parse_select_parameters(scanner);
    };
    // RFC 7162 3.2.5.1
    auto known = parse(" (QRESYNC (67890007 20050715194045000 41,43:211,214:541))");
    REQUIRE(known);
    REQUIRE(known->resync);
    CHECK(known->resync->uid_validity == 67890007);
    CHECK(known->resync->modseq == 20050715194045000);
    CHECK(known->resync->known_uids->to_string() == "41,43:211,214:541");
    CHECK_FALSE(known->condstore);
    // 3.2.5.2
    auto match = parse(
        " (QRESYNC (67890007 90060115194045000 41:211,214:541 (1:3,5 41:42,44,46) ) CONDSTORE)");
    REQUIRE(match);
    CHECK(match->condstore);
    CHECK(match->resync->match_numbers.count() == 4);
    CHECK(match->resync->match_uids.to_string() == "41:42,44,46");
    CHECK(parse("")->resync == std::nullopt);
    for (const char* bad :
         {" ", " (", " ()", " (QRESYNC)", " (QRESYNC (1 2 3:*))", " (QRESYNC (1 2 (1 2,3)))",
          " (QRESYNC (1 9223372036854775808))", " (QRESYNC (4294967296 1))", " (QRESYNC (1 2) x",
          " (QRESYNC (1 2)) x", " (QRESYNC (1 2)(CONDSTORE))"}) {
        INFO(bad);
        CHECK_FALSE((parse(bad) && parse(bad)->resync));
    }
}

TEST_CASE("imap/scanner: blanks too many") {
    Scanner s("a  ( b )  c   ");
    CHECK(s.atom() == "a");
    CHECK(s.space());
    CHECK(s.accept('('));
    CHECK(s.atom() == "b");
    CHECK_FALSE(s.space());  // what follows is no argument
    CHECK(s.accept(')'));
    CHECK_FALSE(s.at_end());
    CHECK(s.space());
    CHECK(s.atom() == "c");
    CHECK_FALSE(s.space());
    CHECK(s.at_end());
    Scanner mailbox("50%*x]");
    CHECK(mailbox.mailbox() == "50%*x]");
}

TEST_CASE("imap/scanner: strings of every kind") {
    Scanner s("atom \"qu\\\"oted\" {5}\r\n(a\r\nb NIL \"NIL\" []");
    CHECK(s.astring() == "atom");
    CHECK(s.space());
    CHECK(s.astring() == "qu\"oted");
    CHECK(s.space());
    CHECK(s.astring() == "(a\r\nb");
    CHECK(s.space());
    CHECK_FALSE(s.nstring()->value);
    CHECK(s.space());
    CHECK(s.nstring()->value == "NIL");
    CHECK(s.space());
    CHECK_FALSE(s.atom() == "[]");
    Scanner torn("\"no end");
    CHECK_FALSE(torn.astring());
    Scanner short_literal("{10}\r\nabc");
    CHECK_FALSE(short_literal.string());
    Scanner flags("(\\Seen $Junk) \\Deleted");
    CHECK(flags.flag_list(Scanner::Parentheses::kNeeded)->size() == 2);
    CHECK(flags.space());
    CHECK_FALSE(flags.flag_list(Scanner::Parentheses::kNeeded));
    CHECK(flags.flag_list(Scanner::Parentheses::kOptional)->front() == "\\Deleted");
}

namespace {

std::string join_events(CommandReader& reader, std::string_view input) {
    std::string events;
    while (!input.empty()) {
        std::size_t taken = 0;
        Event event = reader.feed(input, taken);
        input.remove_prefix(taken);
        switch (event) {
            case Event::kNeedMore:
                return events + "?";
            case Event::kContinue:
                events += "+";
                break;
            case Event::kCommand:
                events += "<" + std::string(reader.command()) + ">";
                reader.next();
                break;
            case Event::kMessage:
                events += "M" + std::to_string(reader.literal_size());
                input.remove_prefix(reader.literal_size());
                reader.message_done();
                break;
            case Event::kTooLong:
                events += "!" + std::string(reader.tag());
                reader.next();
                break;
            case Event::kHopeless:
                return events + "X";
        }
    }
    return events;
}

}  // namespace

TEST_CASE("imap/reader: lines, literals, messages") {
    CommandReader reader(100);
    CHECK(join_events(reader, "a NOOP\r\nb NOOP\n") == "<a NOOP><b NOOP>");
    CHECK(join_events(reader, "a LOGIN {3}\r\nbob {3+}\r\nxyz\r\n") ==
          "+<a LOGIN {3}\r\nbob {3+}\r\nxyz>");
    CHECK(join_events(reader, "a APPEND INBOX {200+}\r\n" + std::string(200, 'x') + "\r\n") ==
          "M200<a APPEND INBOX {200+}>");
    CHECK(join_events(reader, "a append {5}\r\nINBOX (\\Seen) {3}\r\nabc\r\nb NOOP\r\n") ==
          "+M3<a append {5}\r\nINBOX (\\Seen) {3}><b NOOP>");
}

TEST_CASE("imap/reader: byte by byte it comes out the same") {
    CommandReader reader(100);
    std::string text = "a LOGIN {3}\r\nbob {3+}\r\nxyz\r\nb NOOP\r\n";
    std::string events;
    for (char c : text) {
        events += join_events(reader, std::string(1, c));
    }
    std::erase(events, '?');
    CHECK(events == "+<a LOGIN {3}\r\nbob {3+}\r\nxyz><b NOOP>");
}

TEST_CASE("imap/reader: what is too long is thrown away, and the tag is known") {
    CommandReader reader(100);
    CHECK(join_events(reader, "a1 LOGIN {101}\r\nb NOOP\r\n") == "!a1<b NOOP>");
    CHECK(join_events(reader, "a2 LOGIN {101+}\r\n" + std::string(101, '\n') +
                                  " x\r\nb NOOP\r\n") == "!a2<b NOOP>");
    CHECK(join_events(reader, "a3 " + std::string(200, 'x') + "\r\nb NOOP\r\n") == "!a3<b NOOP>");
    CHECK(join_events(reader, "a4 LOGIN {999999999999+}\r\n") == "X");
    CommandReader endless(100);
    CHECK(join_events(endless, std::string(200, 'x')) == "X");
}

TEST_CASE("imap/format: quoted where possible, literal where not") {
    std::string out;
    append_string(out, "a\"b\\c");
    append_string(out, "x\r\ny");
    append_nstring(out, std::nullopt);
    append_astring(out, "INBOX");
    append_astring(out, "two words");
    append_astring(out, "");
    append_string(out, "\xff");
    CHECK(out == "\"a\\\"b\\\\c\"{4}\r\nx\r\nyNILINBOX\"two words\"\"\"{1}\r\n\xff");
}

TEST_CASE("imap/dates: internal dates and search days") {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    CHECK(parse_internal_date("17-Jul-1996 02:44:25 -0700") == 837596665);
    CHECK(parse_internal_date(" 1-Jan-1970 00:00:00 +0000") == 0);
    CHECK(format_internal_date(837596665) == "17-Jul-1996 09:44:25 +0000");
    CHECK_FALSE(parse_internal_date("31-Feb-1996 02:44:25 -0700"));
    CHECK_FALSE(parse_internal_date("17-Jul-1996 24:44:25 -0700"));
    CHECK(parse_search_day("2-Jan-1970") == 1);
    CHECK(local_day(86400) == 1);
    CHECK(local_day(-1) == -1);
}

TEST_CASE("imap/dates: Date headers, new and old") {
    CHECK(parse_header_date("Fri, 21 Nov 1997 09:55:06 -0600")->time == 880127706);
    CHECK(parse_header_date("21 Nov 97 09:55:06 GMT")->time == 880106106);
    CHECK(parse_header_date("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600")->time == 880127706);
    CHECK(parse_header_date("Thu, 13 Feb 1969 23:32 -0330 (Newfoundland Time)")->day == -322);
    CHECK(parse_header_date("Mon, 1 Jan 2001 00:00:00 EST")->time == 978325200);
    CHECK_FALSE(parse_header_date("yesterday"));
    CHECK_FALSE(parse_header_date(""));
}
