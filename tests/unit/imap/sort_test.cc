// SORT, THREAD and the answers of extended SEARCH.
#include <array>
#include <chrono>

#include "lib/imap/base_subject.h"
#include "lib/imap/message_ids.h"
#include "lib/imap/search_return.h"
#include "lib/imap/sort_program.h"
#include "lib/imap/thread.h"
#include "lib/mail/casemap.h"

#include "tests/support/catch.h"

using namespace relais::imap;

TEST_CASE("imap/search: what RETURN asks for") {
    auto parse = [](std::string_view text) {
        Scanner scanner(text);
        return parse_search_return(scanner);
    };
    CHECK_FALSE(parse("ALL")->has_value());
    CHECK(parse("RETURN () ALL")->value().all);
    CHECK(parse("RETURN (MIN COUNT) ALL")->value().count);
    CHECK_FALSE(parse("RETURN (MIN COUNT) ALL")->value().all);
    CHECK_FALSE(parse("RETURN (SAVE) ALL")->value().answers());
    CHECK(parse("return ( partial -1:-100 ) ALL")->value().partial->to_string() == "-1:-100");
    CHECK(parse("RETURN (PARTIAL 500:401) ALL")->value().partial->to_string() == "401:500");
    CHECK(parse("RETURN (UPDATE CONTEXT) ALL")->value().update);
    CHECK_FALSE(parse("RETURN (UPDATE) ALL")->value().all);
    CHECK(parse("RETURN (COUNT UPDATE (UID BODY.PEEK[TEXT]) MIN) ALL")
              ->value()
              .update_fetch.items.size() == 2);
    for (const char* bad :
         {"RETURN (UPDATE UPDATE) ALL", "RETURN (UPDATE (FROB)) ALL", "RETURN (UPDATE (UID) ALL",
          "RETURN", "RETURN ALL", "RETURN (FOO) ALL", "RETURN (MIN", "RETURN (MIN)",
          "RETURN (PARTIAL) ALL", "RETURN (PARTIAL 0:1) ALL", "RETURN (PARTIAL -1:2) ALL",
          "RETURN (PARTIAL 1:-2) ALL", "RETURN (PARTIAL 1) ALL",
          "RETURN (PARTIAL 1:4294967296) ALL", "RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL",
          "RETURN (PARTIAL 1:2 ALL) ALL"}) {
        INFO(bad);
        CHECK_FALSE(parse(bad));
    }
}

TEST_CASE("imap/search: the extended answer") {
    auto answer = [](std::string_view options, std::vector<std::uint32_t> results,
                     ResultNumbers kind) {
        Scanner scanner(options);
        std::string out;
        append_esearch(out, "A282", kind, parse_search_return(scanner)->value(), results);
        return out;
    };
    // RFC 4731 3.1
    CHECK(answer("RETURN (MIN COUNT) x", {2, 3, 84}, ResultNumbers::kSequence) ==
          "* ESEARCH (TAG \"A282\") MIN 2 COUNT 3\r\n");
    CHECK(answer("RETURN (ALL COUNT) x", {4, 5, 7, 8, 9}, ResultNumbers::kUid) ==
          "* ESEARCH (TAG \"A282\") UID ALL 4:5,7:9 COUNT 5\r\n");
    CHECK(answer("RETURN (MIN MAX ALL COUNT) x", {}, ResultNumbers::kUid) ==
          "* ESEARCH (TAG \"A282\") UID COUNT 0\r\n");
    // RFC 5267 2: in the order of SORT, ranges only where it ascends
    CHECK(answer("RETURN (MIN MAX ALL) x", {5, 3, 1, 2, 4}, ResultNumbers::kSequence) ==
          "* ESEARCH (TAG \"A282\") MIN 5 MAX 4 ALL 5,3,1:2,4\r\n");
    // RFC 9394 3.1
    CHECK(answer("RETURN (PARTIAL 2:3 COUNT) x", {7, 8, 10}, ResultNumbers::kUid) ==
          "* ESEARCH (TAG \"A282\") UID PARTIAL (2:3 8,10) COUNT 3\r\n");
    CHECK(answer("RETURN (PARTIAL -1:-2) x", {7, 8, 10}, ResultNumbers::kUid) ==
          "* ESEARCH (TAG \"A282\") UID PARTIAL (-1:-2 8,10)\r\n");
    CHECK(answer("RETURN (PARTIAL -3:-9) x", {7, 8, 10}, ResultNumbers::kUid) ==
          "* ESEARCH (TAG \"A282\") UID PARTIAL (-3:-9 7)\r\n");
    CHECK(answer("RETURN (PARTIAL 24000:24500) x", {7}, ResultNumbers::kUid) ==
          "* ESEARCH (TAG \"A282\") UID PARTIAL (24000:24500 NIL)\r\n");
}

TEST_CASE("imap/search: what is saved") {
    auto saved = [](std::string_view options, std::vector<std::uint32_t> results) {
        Scanner scanner(options);
        return parse_search_return(scanner)->value().saved(results);
    };
    using List = std::vector<std::uint32_t>;
    // RFC 5182 2.4
    CHECK(saved("RETURN (SAVE) x", {2, 3, 4}) == List{2, 3, 4});
    CHECK(saved("RETURN (SAVE MIN) x", {2, 3, 4}) == List{2});
    CHECK(saved("RETURN (SAVE MAX) x", {2, 3, 4}) == List{4});
    CHECK(saved("RETURN (SAVE MIN MAX) x", {2, 3, 4}) == List{2, 4});
    CHECK(saved("RETURN (SAVE MIN COUNT) x", {2, 3, 4}) == List{2, 3, 4});
    CHECK(saved("RETURN (SAVE MIN MAX) x", {5, 2, 4}) == List{4, 5});
    CHECK(saved("RETURN (SAVE MIN MAX) x", {}).empty());
    CHECK(saved("RETURN (SAVE PARTIAL 2:2) x", {2, 3, 4}) == List{3});
    CHECK(saved("RETURN (SAVE PARTIAL 2:2 MIN) x", {2, 3, 4}) == List{2, 3});
}

TEST_CASE("imap/sort: criteria") {
    auto parse = [](std::string_view text) {
        Scanner scanner(text);
        return parse_sort_program(scanner);
    };
    auto program = parse("(SUBJECT REVERSE DATE subject)");
    REQUIRE(program);
    REQUIRE(program->size() == 2);
    CHECK((*program)[0].key == SortKey::kSubject);
    CHECK((*program)[1].reverse);
    CHECK_FALSE(parse("(REVERSE REVERSE DATE)")->front().reverse);
    for (const char* bad : {"", "()", "(REVERSE)", "(DATE REVERSE)", "SUBJECT", "(FOO)", "(DATE",
                            "(DATE \"x\")", "(DATE {3}\r\nabc)"}) {
        INFO(bad);
        CHECK_FALSE(parse(bad));
    }
    std::string many = "(DATE";
    for (int i = 0; i < 10000; ++i) {
        many += " REVERSE SIZE";
    }
    CHECK(parse(many + ")")->size() == 2);
}

TEST_CASE("imap/sort: base subjects") {
    auto base = [](std::string_view text) { return base_subject(text).text; };
    CHECK(base("hello") == "hello");
    CHECK_FALSE(base_subject("hello").is_reply);
    CHECK(base("Re: hello") == "hello");
    CHECK(base_subject("Re: hello").is_reply);
    CHECK(base("re \t: [list] FWD[x] : hello (fwd) (FWD)  ") == "hello");
    CHECK(base("[list] hello") == "hello");
    CHECK_FALSE(base_subject("[list] hello").is_reply);
    CHECK(base("[list]") == "[list]");
    CHECK(base("Re: [list]") == "[list]");
    CHECK(base("[a][b] Re: [c] x") == "x");
    CHECK(base("[fwd: hello]") == "hello");
    CHECK(base("[Fwd: [list] Re: hello (fwd)]") == "hello");
    CHECK(base_subject("[fwd: hello]").is_reply);
    CHECK(base("hello\r\n\tworld  again") == "hello world again");
    CHECK(base("=?utf-8?q?Re=3A_h=C3=A9?=") == "h\xc3\xa9");
    CHECK(base("Regards: x") == "Regards: x");
    CHECK(base("fw: fwd: re: x") == "x");
    CHECK(base("(fwd)").empty());
    CHECK(base("Re:").empty());
    CHECK(base("").empty());
    CHECK(base("[unclosed x") == "[unclosed x");
    CHECK(base("[[x] y") == "[[x] y");
    std::string hostile;
    for (int i = 0; i < 100000; ++i) {
        hostile += "[]";
    }
    CHECK(base(hostile).size() < 4096);
}

TEST_CASE("imap/sort: texts compare as i;unicode-casemap does") {
    auto text = [](SortKey key, std::string_view header) { return sort_text(key, header).text; };
    CHECK(text(SortKey::kSubject, "Subject: Re: h\xc3\xa9\n\n") == "HE\xcc\x81");
    CHECK(text(SortKey::kFrom, "From: Bob <joe@x>, al@y\n\n") == "JOE");
    CHECK(text(SortKey::kTo, "From: Bob <joe@x>\n\n").empty());
    // RFC 5957 3
    CHECK(text(SortKey::kDisplayFrom, "From: \"Q, P\" <joe@x>\n\n") == "Q, P");
    CHECK(text(SortKey::kDisplayFrom, "From: =?utf-8?q?b=C3=A9?= <joe@x>\n\n") == "BE\xcc\x81");
    CHECK(text(SortKey::kDisplayTo, "To: joe@x\n\n") == "JOE@X");
    CHECK(text(SortKey::kDisplayTo, "To: friends: joe@x;\n\n") == "FRIENDS");
    CHECK(text(SortKey::kSubject, "Subject: " + std::string(2000, 'x') + "\n\n").size() == 512);
}

TEST_CASE("imap/thread: message ids in every form") {
    using List = std::vector<std::string>;
    CHECK(parse_message_ids("<a@b> <c@d>", 10) == List{"a@b", "c@d"});
    CHECK(parse_message_ids("<a@b><c@d>", 1) == List{"c@d"});
    // RFC 5256 2.2
    CHECK(parse_message_ids("<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>", 9) ==
          List{"01KF8JCEOCBS0045PS@xxx.yyy.com"});
    CHECK(parse_message_ids("Your message <a @\r\n b (why)> of today", 9) == List{"a@b"});
    CHECK(parse_message_ids("<no-sign> <@x> <x@> < > <", 9).empty());
    CHECK(parse_message_ids("<a@b <c@d>", 9) == List{"c@d"});
    CHECK(parse_message_ids(std::string(100000, '<') + "(((", 9).empty());
}

namespace {

constexpr std::uint32_t kNone = ThreadMessage::kNoId;

struct Described {
    std::uint32_t id;
    std::vector<std::uint32_t> references;
    std::int64_t time;
    std::uint32_t subject = 0;
    bool is_reply = false;
};

std::string threads(ThreadAlgorithm algorithm, const std::vector<Described>& described) {
    std::vector<ThreadMessage> messages;
    for (const Described& each : described) {
        ThreadMessage message;
        message.number = static_cast<std::uint32_t>(messages.size() + 1);
        message.id = each.id;
        message.references = each.references;
        message.time = each.time;
        message.subject = each.subject;
        message.is_reply = each.is_reply;
        messages.push_back(message);
    }
    return thread_messages(algorithm, messages, 100);
}

}  // namespace

TEST_CASE("imap/thread: REFERENCES step by step") {
    auto by_references = [](const std::vector<Described>& described) {
        return threads(ThreadAlgorithm::kReferences, described);
    };
    // A chain, two answers to one message, and what refers to nothing.
    CHECK(by_references({{1, {}, 1}, {2, {1}, 2}, {3, {1, 2}, 3}}) == "(1 2 3)");
    CHECK(by_references({{1, {}, 1}, {2, {1}, 3}, {3, {1}, 2}, {kNone, {}, 9}}) == "(1 (3)(2))(4)");
    // Messages that are not there hold their children together at the top, and only there.
    CHECK(by_references({{2, {1}, 2}, {3, {1}, 3}}) == "((1)(2))");
    CHECK(by_references({{2, {1}, 2}}) == "(1)");
    CHECK(by_references({{1, {}, 1}, {3, {1, 2}, 2}, {4, {1, 2}, 3}}) == "(1 (2)(3))");
    CHECK(by_references({{4, {1, 2, 3}, 2}, {5, {1}, 1}}) == "((2)(1))");
    // The last reference counts, and what a message says of itself before what others say.
    CHECK(by_references({{3, {1, 2}, 3}, {2, {}, 1}, {1, {}, 2}}) == "(2 1)(3)");
    // No loops.
    CHECK(by_references({{1, {2}, 1}, {2, {1}, 2}}) == "(2 1)");
    CHECK(by_references({{1, {1}, 1}}) == "(1)");
    CHECK(by_references({{3, {1, 2, 1}, 1}}) == "(1)");
    // The second message of an id has none.
    CHECK(by_references({{1, {}, 1}, {1, {}, 2}, {2, {1}, 3}}) == "(1 3)(2)");
}

TEST_CASE("imap/thread: REFERENCES joins subjects") {
    auto by_references = [](const std::vector<Described>& described) {
        return threads(ThreadAlgorithm::kReferences, described);
    };
    constexpr bool kReply = true;
    CHECK(by_references({{kNone, {}, 1, 5}, {kNone, {}, 2, 5, kReply}}) == "(1 2)");
    CHECK(by_references({{kNone, {}, 2, 5}, {kNone, {}, 1, 5, kReply}}) == "(1 2)");
    CHECK(by_references({{kNone, {}, 1, 5}, {kNone, {}, 2, 5}}) == "((1)(2))");
    CHECK(by_references({{kNone, {}, 1, 5}, {kNone, {}, 2, 6}}) == "(1)(2)");
    CHECK(by_references({{kNone, {}, 1, 0}, {kNone, {}, 2, 0}}) == "(1)(2)");
    CHECK(by_references({{kNone, {}, 1, 5}, {kNone, {}, 2, 5}, {kNone, {}, 3, 5}}) ==
          "((1)(2)(3))");
    // A place that holds two together takes others in.
    CHECK(by_references({{2, {1}, 2, 5}, {3, {1}, 3, 6}, {kNone, {}, 4, 5}}) == "((1)(2)(3))");
    CHECK(by_references({{2, {1}, 2, 5}, {3, {1}, 3, 6}, {12, {11}, 4, 5}, {13, {11}, 5, 6}}) ==
          "((1)(2)(3)(4))");
}

TEST_CASE("imap/thread: REFS and ORDEREDSUBJECT") {
    // By the latest message of a conversation, without a look at subjects.
    CHECK(threads(ThreadAlgorithm::kRefs, {{1, {}, 1, 5}, {kNone, {}, 2, 5}, {2, {1}, 3, 6}}) ==
          "(2)(1 3)");
    CHECK(threads(ThreadAlgorithm::kReferences,
                  {{1, {}, 1, 5}, {kNone, {}, 2, 7}, {2, {1}, 3, 6}}) == "(1 3)(2)");
    // RFC 5256 3: all others answer the first
    CHECK(threads(ThreadAlgorithm::kOrderedSubject,
                  {{1, {}, 3, 5}, {2, {}, 2, 6}, {3, {}, 1, 5}, {4, {}, 9, 5}}) == "(3 (1)(4))(2)");
}

TEST_CASE("imap/thread: a hundred thousand in a row, forwards and backwards") {
    constexpr std::uint32_t kCount = 100000;
    std::vector<std::uint32_t> ids(kCount + 1);
    std::vector<ThreadMessage> messages;
    for (std::uint32_t i = 0; i < kCount; ++i) {
        ids[i] = i;
        ThreadMessage message;
        message.number = i + 1;
        message.id = i;
        message.time = i;
        if (i > 0) {
            message.references = std::span(ids).subspan(i - 1, 1);
        }
        messages.push_back(message);
    }
    auto start = std::chrono::steady_clock::now();
    std::string text = thread_messages(ThreadAlgorithm::kReferences, messages, kCount);
    CHECK(text.starts_with("(1 2 3 4 "));
    CHECK(text.ends_with(" 99999 100000)"));
    // Each refers to the next one, the last one to the first.
    for (std::uint32_t i = 0; i < kCount; ++i) {
        ids[i] = (i + 1) % kCount;
        messages[i].references = std::span(ids).subspan(i, 1);
    }
    text = thread_messages(ThreadAlgorithm::kRefs, messages, kCount);
    CHECK(std::ranges::count(text, '(') == std::ranges::count(text, ')'));
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}
