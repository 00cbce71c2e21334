#include "lib/queue/record.h"

#include "lib/queue/record_reader.h"

#include "tests/support/catch.h"

using namespace relais;

static std::string encoded(Rec type, std::string_view data) {
    std::string out;
    append_record(out, type, data);
    return out;
}

TEST_CASE("queue/record: lengths are base 128, low bits first") {
    CHECK(encoded(Rec::kLine, "") == std::string("N\0", 2));
    CHECK(encoded(Rec::kLine, std::string(127, 'x')).substr(0, 2) == "N\x7f");
    CHECK(encoded(Rec::kLine, std::string(128, 'x')).substr(0, 3) == "N\x80\x01");
    CHECK(encoded(Rec::kLine, std::string(300, 'x')).substr(0, 3) == "N\xac\x02");
    CHECK(record_overhead(127) == 2);
    CHECK(record_overhead(128) == 3);
    CHECK(record_overhead(16384) == 4);
}

TEST_CASE("queue/record: padding and pointers have a known size") {
    std::string out;
    append_padding(out, Rec::kPadding, 5);
    CHECK(out == "w\x03  0");
    out.clear();
    append_padding(out, Rec::kPadding, 2);
    CHECK(out ==
          "w\x01"
          "0");
    out.clear();
    append_pointer(out, 820);
    CHECK(out == "p\x0f            820");
    CHECK(out.size() == 17);
}

TEST_CASE("queue/record: decoding takes whole records only") {
    std::string bytes = encoded(Rec::kSender, "a@b") + encoded(Rec::kRecipient, "c@d");
    for (std::size_t cut = 0; cut < 5; ++cut) {
        CHECK(decode_record(std::string_view(bytes).substr(0, cut), 100).status ==
              Decoded::kNeedMore);
    }
    auto first = decode_record(bytes, 100);
    REQUIRE(first.status == Decoded::kRecord);
    CHECK(first.record.type == Rec::kSender);
    CHECK(first.record.data == "a@b");
    CHECK(first.used == 5);
    CHECK(decode_record(bytes, 2).status == Decoded::kBad);
    CHECK(decode_record("N\xff\xff\xff\xff\xff\xff\xff", 100).status == Decoded::kBad);
    CHECK(decode_record("N\xff\xff\xff\xff\x0f", 100).status == Decoded::kBad);
}

TEST_CASE("queue/record: the size record has six columns of 15") {
    SizeRecord size{280, 405, 2, 20, 280, 0};
    std::string text = format_size_record(size);
    CHECK(text ==
          "            280             405               2              20             280       "
          "        0");
    CHECK(text.size() == kSizeRecordLength);
    auto back = parse_size_record(text);
    REQUIRE(back);
    CHECK(back->data_offset == 405);
    CHECK(back->qmgr_flags == 20);
    CHECK(parse_size_record("10 20 1")->content_length == 10);
    CHECK_FALSE(parse_size_record("10 20"));
    CHECK_FALSE(parse_size_record("10 20 1 32"));
    CHECK_FALSE(parse_size_record("10 -20 1"));
    CHECK_FALSE(parse_size_record("10 x 1"));
}

TEST_CASE("queue/record: attributes split at the first =") {
    auto pair = split_attribute(" name = a=b ");
    REQUIRE(pair);
    CHECK(pair->name == "name");
    CHECK(pair->value == "a=b");
    CHECK(split_attribute("name=")->value.empty());
    CHECK_FALSE(split_attribute("name"));
    CHECK_FALSE(split_attribute("=value"));
    CHECK(attribute_alias("dsn_orig_rcpt") == Rec::kDsnOrigRecipient);
    CHECK_FALSE(attribute_alias("client_name"));
}

TEST_CASE("queue/record_reader: follows pointers, and not for ever") {
    std::string file = encoded(Rec::kSender, "s");
    append_padding(file, Rec::kPadding, 10);
    append_pointer(file, 3 + 10 + 17 + 3);
    file += encoded(Rec::kRecipient, "x");
    file += encoded(Rec::kEnd, "");
    file += "junk beyond the end";
    RecordReader reader(file);
    CHECK((*reader.next())->data == "s");
    auto end = reader.next();
    REQUIRE(*end);
    CHECK((*end)->type == Rec::kEnd);
    CHECK(reader.record_offset() == 33);
    CHECK_FALSE(*reader.next());

    RecordReader raw(file, RecordReader::Follow::kRaw);
    std::string types;
    for (int i = 0; i < 5; ++i) {
        types += rec_char((*raw.next())->type);
    }
    CHECK(types == "SwpRE");

    std::string loop = encoded(Rec::kSender, "s");
    append_pointer(loop, 3);
    RecordReader looping(loop);
    REQUIRE(looping.next());
    auto result = looping.next();
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Errc::kCorrupt);
}

TEST_CASE("queue/record_reader: pointers must hold an offset") {
    for (std::string_view bad : {"", "x", "-5", "99999999999999999999"}) {
        std::string file = encoded(Rec::kPointer, bad);
        RecordReader reader(file);
        CHECK_FALSE(reader.next());
    }
}
