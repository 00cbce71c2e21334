#include "lib/ipc/delivery_request.h"

#include <sys/socket.h>

#include "tests/support/catch.h"

using namespace relais;
using namespace std::string_literals;

namespace {

struct Pair {
    std::unique_ptr<Stream> client;
    std::unique_ptr<Stream> server;
};

Pair connected_pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    return {std::make_unique<Stream>(UniqueFd(fds[0])), std::make_unique<Stream>(UniqueFd(fds[1]))};
}

template <class T, class Read>
T through_socket(const std::string& bytes, Read read) {
    Pair pair = connected_pair();
    pair.client->write(bytes);
    Loop::current().run_task(pair.client->flush());
    pair.client.reset();
    return Loop::current().run_task(read(pair.server.get()));
}

DeliveryRequest sample() {
    DeliveryRequest request;
    request.queue_name = "active";
    request.queue_id = "5D49BA84927";
    request.data_offset = 405;
    request.data_size = 280;
    request.nexthop = "[next.example]";
    request.sender = "a@facts.example";
    request.envelope_id = "ENVID1";
    request.ret_flags = 2;
    request.times.incoming_arrival = {1795247898, 402779};
    request.rewrite_context = "local";
    request.recipients.push_back(
        {"b@dest.example", "b@dest.example", 289, "rfc822;b@dest.example", 10});
    request.recipients.push_back({"", "c@dest.example", kNoRecipientRecord, "", 0});
    return request;
}

}  // namespace

TEST_CASE("ipc/delivery_request: the bytes that Postfix's queue manager sends") {
    // The 88 bytes of the times come out as 120 characters of base64.
    std::string bytes = encode_delivery_request(sample());
    CHECK(
        bytes.starts_with("flags\0003\0queue_name\0active\0queue_id\0005D49BA84927\0offset\000405\0"
                          "size\000280\0nexthop\0[next.example]\0encoding\0\0smtputf8\0000\0"
                          "sender\0a@facts.example\0envelope_id\0ENVID1\0ret_flags\0002\0time\0"s));
    auto time_at = bytes.find("time\0"s) + 5;
    CHECK(bytes.find('\0', time_at) - time_at == 120);
    CHECK(bytes.ends_with(
        "recipient_count\0002\0\0original_recipient\0b@dest.example\0recipient\0b@dest.example\0"
        "offset\000289\0dsn_orig_rcpt\0rfc822;b@dest.example\0notify_flags\00010\0\0"
        "original_recipient\0\0recipient\0c@dest.example\0offset\00018446744073709551615\0"
        "dsn_orig_rcpt\0\0notify_flags\0000\0\0"s));
}

TEST_CASE("ipc/delivery_request: what was sent is what is read") {
    auto request = through_socket<Result<DeliveryRequest>>(encode_delivery_request(sample()),
                                                           read_delivery_request);
    REQUIRE(request);
    CHECK(request->nexthop == "[next.example]");
    CHECK(request->times.incoming_arrival.tv_usec == 402779);
    REQUIRE(request->recipients.size() == 2);
    CHECK(request->recipients[0].notify == 10);
    CHECK(request->recipients[1].offset == kNoRecipientRecord);
}

TEST_CASE("ipc/delivery_request: requests that are cut off or malformed are errors") {
    std::string bytes = encode_delivery_request(sample());
    auto read = [](const std::string& text) {
        return through_socket<Result<DeliveryRequest>>(text, read_delivery_request);
    };
    CHECK(read("").error().code == Errc::kClosed);
    CHECK(read(bytes.substr(0, bytes.size() - 3)).error().code == Errc::kCorrupt);
    CHECK(read("flags\0003\0\0"s).error().code == Errc::kCorrupt);
    DeliveryRequest empty = sample();
    empty.recipients.clear();
    CHECK(read(encode_delivery_request(empty)).error().code == Errc::kCorrupt);
    auto time_at = bytes.find("time\0"s) + 5;
    bytes.erase(time_at, 4);
    CHECK(read(bytes).error().message == "delivery request: malformed attribute time");
}

TEST_CASE("ipc/delivery_request: a reply has two attributes named status") {
    DeliveryReply reply;
    reply.hop = DeliveryStatus::of(DsnCode(4, 4, 1), "connection refused");
    reply.status = -1;
    std::string bytes = encode_delivery_reply(reply);
    CHECK(bytes.starts_with("status\0004.4.1\0diag_type\0"s));
    CHECK(bytes.ends_with("reason\0connection refused\0status\0004294967295\0\0"s));
    auto back = through_socket<Result<DeliveryReply>>(bytes, read_delivery_reply);
    REQUIRE(back);
    CHECK(back->hop.status == "4.4.1");
    CHECK(back->status == -1);
}
