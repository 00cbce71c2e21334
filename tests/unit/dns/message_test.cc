#include "lib/dns/dns_message.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

// A header with one question and `answers` answers, and the question example.com IN `type`.
std::string reply_head(unsigned answers, unsigned type, unsigned flags = 0x8180) {
    std::string bytes;
    auto put = [&](unsigned value) {
        bytes += static_cast<char>(value >> 8);
        bytes += static_cast<char>(value & 0xff);
    };
    put(0x1234);
    put(flags);
    put(1);
    put(answers);
    put(0);
    put(0);
    bytes += std::string("\7example\3com\0", 13);
    put(type);
    put(1);
    return bytes;
}

std::string record(const std::string& owner, unsigned type, const std::string& data) {
    std::string bytes = owner;
    for (unsigned value : {type, 1U, 0U, 300U, static_cast<unsigned>(data.size())}) {
        bytes += static_cast<char>(value >> 8);
        bytes += static_cast<char>(value & 0xff);
    }
    return bytes + data;
}

const std::string kQuestionName("\xc0\x0c", 2);  // a pointer to the question's name

}  // namespace

TEST_CASE("dns/message: a query as RFC 1035 has it") {
    auto query = build_dns_query("Mx.Example.com.", DnsType::kMx, DnsValidation::kNone);
    REQUIRE(query);
    CHECK(*query == std::string("\0\0\1\0\0\1\0\0\0\0\0\0\2Mx\7Example\3com\0\0\17\0\1", 32));
    auto validated = build_dns_query("a", DnsType::kTlsa, DnsValidation::kWanted);
    REQUIRE(validated);
    CHECK((*validated)[3] == 0x20);
    CHECK(validated->ends_with(std::string("\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11)));
    CHECK_FALSE(build_dns_query("a..b", DnsType::kA, DnsValidation::kNone));
    CHECK_FALSE(build_dns_query(std::string(64, 'x'), DnsType::kA, DnsValidation::kNone));
    CHECK_FALSE(build_dns_query(std::string(300, 'x'), DnsType::kA, DnsValidation::kNone));
}

TEST_CASE("dns/message: records of all types") {
    std::string bytes = reply_head(7, 15, 0x81a0);
    bytes += record(kQuestionName, 1, std::string("\xc0\0\2\1", 4));
    bytes += record(kQuestionName, 28, std::string("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16));
    bytes += record(kQuestionName, 15, std::string("\0\xa\2mx\xc0\x0c", 7));
    bytes += record(kQuestionName, 15, std::string("\0\0\0", 3));
    bytes += record(kQuestionName, 16, std::string("\3abc\2de"));
    bytes += record(kQuestionName, 52, std::string("\3\1\1\xaa\xbb"));
    bytes += record(kQuestionName, 99, "whatever");
    auto message = parse_dns_message(bytes);
    REQUIRE(message);
    CHECK(message->authentic);
    REQUIRE(message->answers.size() == 6);
    CHECK(message->answers[0].text == "192.0.2.1");
    CHECK(message->answers[0].owner == "example.com");
    CHECK(message->answers[0].ttl == 300);
    CHECK(message->answers[1].text == "2001:db8::1");
    CHECK(message->answers[2].preference == 10);
    CHECK(message->answers[2].text == "mx.example.com");
    CHECK(message->answers[3].text == ".");
    CHECK(message->answers[4].text == "abcde");
    CHECK(message->answers[5].usage == 3);
    CHECK(message->answers[5].data == "\xaa\xbb");
}

TEST_CASE("dns/message: broken replies are errors") {
    std::string good = reply_head(1, 15) + record(kQuestionName, 15, std::string("\0\1\1a\0", 5));
    REQUIRE(parse_dns_message(good));
    for (std::size_t size = 0; size < good.size(); ++size) {
        CHECK_FALSE(parse_dns_message(good.substr(0, size)));
    }
    // A pointer to itself, a pointer forward, a name that leaves its record, a query for a reply.
    std::string loop = reply_head(1, 1) + record(std::string("\xc0\x1d", 2), 1, "\1\2\3\4");
    CHECK_FALSE(parse_dns_message(loop));
    std::string forward = reply_head(1, 1) + record(std::string("\xc0\x30", 2), 1, "\1\2\3\4");
    CHECK_FALSE(parse_dns_message(forward));
    std::string leaving = reply_head(1, 15) +
                          record(kQuestionName, 15, std::string("\0\1\5ab", 5)) + "cdefgh" +
                          std::string(1, '\0');
    CHECK_FALSE(parse_dns_message(leaving));
    std::string short_address = reply_head(1, 1) + record(kQuestionName, 1, "\1\2\3");
    CHECK_FALSE(parse_dns_message(short_address));
    CHECK_FALSE(parse_dns_message(reply_head(0, 1, 0x0100)));
}

TEST_CASE("dns/message: bytes that names do not have are made harmless") {
    std::string bytes =
        reply_head(1, 15) + record(kQuestionName, 15, std::string("\0\1\4a\n.b\0", 8));
    auto message = parse_dns_message(bytes);
    REQUIRE(message);
    CHECK(message->answers[0].text == "a??b");
}

TEST_CASE("dns/message: for how long there is nothing") {
    // RFC 2308 section 5: the time to live of the SOA record (here 300) as the server sends it.
    std::string none = reply_head(0, 1, 0x8183);
    none[9] = 1;  // one record in the authority section
    const std::string soa = std::string("\0\0", 2) + std::string(20, '\1');
    CHECK(parse_dns_message(none + record(kQuestionName, 6, soa))->negative_ttl == 300);
    CHECK_FALSE(parse_dns_message(none + record(kQuestionName, 2, "\1a"))->negative_ttl);
    CHECK_FALSE(parse_dns_message(reply_head(0, 1, 0x8183))->negative_ttl);
    // What is wrong there makes the answer itself no worse.
    CHECK_FALSE(parse_dns_message(none)->negative_ttl);
    const std::string torn = record(kQuestionName, 6, soa).substr(0, 30);
    CHECK_FALSE(parse_dns_message(none + torn)->negative_ttl);
}
