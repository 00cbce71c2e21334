#include "lib/queue/envelope.h"

#include <cstdio>
#include <memory>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/queue/record_reader.h"

#include "tests/support/catch.h"
#include "tests/unit/queue/sample_files.h"

using namespace relais;

namespace {

std::vector<std::string> content_lines(std::string_view file, std::int64_t offset) {
    ContentReader reader(file, offset);
    std::vector<std::string> lines;
    for (;;) {
        auto line = reader.next();
        REQUIRE(line);
        if (!*line) {
            return lines;
        }
        lines.emplace_back((*line)->text);
    }
}

// An open, unlinked file with these bytes.
UniqueFd file_with(std::string_view bytes) {
    char name[] = "/tmp/envelope_test.XXXXXX";
    UniqueFd fd(::mkstemp(name));
    REQUIRE(fd);
    ::unlink(name);
    REQUIRE(write_all(fd.get(), bytes));
    return fd;
}

std::string many_recipients(int count, std::int64_t flags) {
    std::string middle;
    append_record(middle, Rec::kTime, "1795247898 402779");
    append_record(middle, Rec::kSender, "s@example");
    for (int i = 0; i < count; ++i) {
        append_attribute(middle, "notify_flags", "4");
        append_record(middle, Rec::kOrigRecipient, "o" + std::to_string(i));
        append_record(middle, i % 5 == 3 ? Rec::kDone : Rec::kRecipient, "r" + std::to_string(i));
    }
    if ((flags & kMixedRecipients) != 0) {
        append_attribute(middle, "log_ident", "late");
    }
    append_record(middle, Rec::kContent, "");
    std::string tail;
    append_record(tail, Rec::kLine, "body");
    std::int64_t content = static_cast<std::int64_t>(tail.size());
    append_record(tail, Rec::kExtracted, "");
    append_attribute(tail, "encoding", "8bit");
    append_record(tail, Rec::kOrigRecipient, "oBcc");
    append_record(tail, Rec::kRecipient, "rBcc");
    append_record(tail, Rec::kEnd, "");
    std::string file;
    append_record(file, Rec::kSize,
                  format_size_record({content, static_cast<std::int64_t>(97 + middle.size()),
                                      count + 1, flags, content, 0}));
    return file + middle + tail;
}

}  // namespace

TEST_CASE("queue/envelope: a file of Postfix") {
    std::string file = test::plain_queue_file();
    auto message = parse_envelope(file, {});
    REQUIRE(message);
    CHECK(message->size.data_offset == 405);
    CHECK(message->size.content_length == 280);
    CHECK(message->arrival.seconds == 1795247898);
    CHECK(message->arrival.microseconds == 402779);
    CHECK(message->create_time == 1795247898);
    CHECK(message->envelope_id == "ENVID1");
    CHECK(message->ret_flags == 2);
    CHECK(message->rewrite_context == "local");
    CHECK(message->full_name == "root");
    CHECK(message->sender == "a@facts.example");
    CHECK(message->warn_offset == 0);
    CHECK(message->resume_offset == 0);
    REQUIRE(message->recipients.size() == 2);
    CHECK(message->recipients[0].address == "b@dest.example");
    CHECK(message->recipients[0].offset == 289);
    CHECK(message->recipients[0].notify == 10);
    CHECK(message->recipients[0].dsn_orig_rcpt == "rfc822;b@dest.example");
    CHECK(message->recipients[1].original == "c+ext@dest.example");
    CHECK(message->recipients[1].offset == 383);
    auto lines = content_lines(file, 405);
    REQUIRE(lines.size() == 9);
    CHECK(lines[7].empty());
    CHECK(lines[8] == "hello world");
}

TEST_CASE("queue/envelope: only addresses") {
    auto message = parse_envelope(test::plain_queue_file(), {.detail = EnvelopeDetail::kAddresses});
    REQUIRE(message);
    CHECK(message->arrival.seconds == 1795247898);
    CHECK(message->sender == "a@facts.example");
    CHECK(message->full_name.empty());
    CHECK(message->attributes.empty());
    REQUIRE(message->recipients.size() == 2);
    CHECK(message->recipients[1].address == "c+ext@dest.example");
    CHECK(message->recipients[1].original.empty());
}

TEST_CASE("queue/envelope: small and large files are read alike") {
    for (int count : {3, 130, 140, 150, 160, 2000}) {
        std::string file = many_recipients(count, 0);
        UniqueFd fd = file_with(file);
        auto read = read_envelope(fd.get(), {});
        auto parsed = parse_envelope(file, {});
        REQUIRE(read);
        REQUIRE(parsed);
        REQUIRE(read->recipients.size() == parsed->recipients.size());
        CHECK(read->recipients.back().offset == parsed->recipients.back().offset);
        CHECK(read->encoding == "8bit");
    }
}

TEST_CASE("queue/envelope: a file that a milter edited") {
    std::string file = test::milter_edited_file();
    auto message = parse_envelope(file, {});
    REQUIRE(message);
    CHECK(message->sender == "newsender@facts.example");
    CHECK(message->warn_time == 1795262914);
    CHECK(message->warn_offset == 186);
    REQUIRE(message->recipients.size() == 2);
    CHECK(message->recipients[0].address == "y@def.example");
    CHECK(message->recipients[0].offset == 320);
    CHECK(message->recipients[1].address == "added@def.example");
    CHECK(message->recipients[1].offset == 881);
    CHECK(message->recipients[1].dsn_orig_rcpt.empty());
    auto lines = content_lines(file, 354);
    CHECK(lines ==
          std::vector<std::string>{"Received: by facts.example (Postfix, from userid 0)",
                                   "\tid 8A8C8A84925; Sat, 21 Nov 2026 08:08:34 +0000 (UTC)",
                                   "X-Ins:  first", "Subject:  changed", "To: x@def.example",
                                   "Message-Id: <20261121080834.8A8C8A84925@facts.example>",
                                   "Date: Sat, 21 Nov 2026 08:08:34 +0000 (UTC)",
                                   "From: root <a@facts.example>", "X-Added:  one", "",
                                   "new body line 1", "new body line 2", std::string(27, '3')});
}

TEST_CASE("queue/envelope: a torn file is an error at every length") {
    for (const std::string& file : {test::plain_queue_file(), test::milter_edited_file()}) {
        bool edited = file.size() > 900;
        std::size_t complete = edited ? 900 + 17 : file.size();
        for (std::size_t cut = 0; cut < complete; ++cut) {
            auto message = parse_envelope(std::string_view(file).substr(0, cut), {});
            CAPTURE(cut);
            REQUIRE_FALSE(message);
            CHECK(message.error().code == Errc::kCorrupt);
        }
    }
}

TEST_CASE("queue/envelope: changed bytes never crash the reader") {
    for (const std::string& file : {test::plain_queue_file(), test::milter_edited_file()}) {
        for (std::size_t at = 0; at < file.size(); ++at) {
            for (char byte : {'\0', '\xff', 'p', 'N', 'R', '9', ' '}) {
                std::string changed = file;
                changed[at] = byte;
                static_cast<void>(parse_envelope(changed, {}));
                ContentReader content(changed, at == 0 ? 0 : 354);
                while (true) {
                    auto line = content.next();
                    if (!line || !*line) {
                        break;
                    }
                }
            }
        }
    }
}

TEST_CASE("queue/envelope: recipients come in portions") {
    for (std::int64_t flags : {std::int64_t{0}, kMixedRecipients}) {
        std::string bytes = many_recipients(23, flags);
        UniqueFd fd = file_with(bytes);
        EnvelopeLimits limits{4, 100};
        auto message = read_envelope(fd.get(), limits);
        REQUIRE(message);
        CHECK(message->encoding == "8bit");
        CHECK(message->attribute("log_ident") == (flags != 0 ? "late" : ""));
        std::vector<std::string> all;
        for (int portions = 0;; ++portions) {
            REQUIRE(portions < 20);
            CHECK(message->recipients.size() <= 4);
            for (const auto& recipient : message->recipients) {
                all.push_back(recipient.address);
                CHECK(recipient.original.substr(1) == recipient.address.substr(1));
                CHECK(recipient.notify == (recipient.address == "rBcc" ? 0 : 4));
                CHECK(bytes[static_cast<std::size_t>(recipient.offset)] == 'R');
            }
            if (message->resume_offset == 0) {
                break;
            }
            REQUIRE(read_more_recipients(fd.get(), *message, limits));
        }
        REQUIRE(all.size() == 20);
        CHECK(all.front() == "r0");
        CHECK(all[3] == "r4");
        CHECK(all.back() == "rBcc");
    }
}

TEST_CASE("queue/envelope: limits and required records") {
    std::string file = test::plain_queue_file();
    auto replace = [&](std::string_view what, std::string_view with) {
        std::string changed = file;
        changed.replace(changed.find(what), what.size(), with);
        return parse_envelope(changed, {});
    };
    CHECK_FALSE(replace("S\x0f", "F\x0f"));                      // no sender
    CHECK_FALSE(replace("T\x11", "W\x11"));                      // no time
    CHECK_FALSE(replace("notify_flags=10", "notify_flags=99"));  // impossible flags
    CHECK_FALSE(replace("envelope_id=ENV", "envelope_id:ENV"));  // not an attribute
    CHECK_FALSE(replace("            280             405",
                        "            281             405"));  // X is elsewhere
    std::string attributes;
    for (int i = 0; i < 3; ++i) {
        append_attribute(attributes, "x" + std::to_string(i), "1");
    }
    std::string many = file.substr(0, 97) + attributes;
    CHECK(parse_envelope(many, {10, 2}).error().message.starts_with("too many attributes"));
}

TEST_CASE("queue/envelope: logging attributes win over the older names") {
    MessageEnvelope message;
    message.attributes = {{"client_name", "old"}, {"client_address", "192.0.2.1"}};
    CHECK(message.log_attribute("client_name") == "old");
    message.attributes.emplace_back("log_client_name", "new");
    CHECK(message.log_attribute("client_name") == "new");
    CHECK(message.log_attribute("client_address").empty());
}

TEST_CASE("queue/record_reader: records larger than the window") {
    std::string bytes;
    append_record(bytes, Rec::kLinePart, std::string(40000, 'a'));
    append_record(bytes, Rec::kLine, std::string(3000000, 'b'));
    for (int i = 0; i < 5000; ++i) {
        append_record(bytes, Rec::kLine, std::string(static_cast<std::size_t>(i % 900), 'c'));
    }
    append_record(bytes, Rec::kExtracted, "");
    UniqueFd fd = file_with(bytes);
    ContentReader content(fd.get(), 0);
    for (int pass = 0; pass < 2; ++pass) {
        auto first = content.next();
        REQUIRE(*first);
        CHECK((*first)->text.size() == 40000);
        CHECK_FALSE((*first)->complete);
        auto second = content.next();
        CHECK((*second)->text == std::string(3000000, 'b'));
        for (int i = 0; i < 5000; ++i) {
            auto line = content.next();
            REQUIRE(*line);
            REQUIRE((*line)->text.size() == static_cast<std::size_t>(i % 900));
        }
        CHECK_FALSE(*content.next());
        CHECK_FALSE(*content.next());
        content.rewind();
    }
}
