#include "lib/ipc/bounce_client.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::string_literals;

TEST_CASE("ipc/bounce_client: the attributes of an append, in order") {
    BounceRequest request;
    request.queue_id = "5D49BA84927";
    request.recipient = {"", "b@dest.example", 289, "rfc822;b@dest.example", 10};
    request.status = DeliveryStatus::of(DsnCode(5, 1, 1), "unknown user");
    std::string bytes = encode_bounce_request(request);
    CHECK(bytes.starts_with(
        "nrequest\0000\0flags\0000\0queue_id\0005D49BA84927\0original_recipient\0\0recipient\0"
        "b@dest.example\0offset\000289\0dsn_orig_rcpt\0rfc822;b@dest.example\0notify_flags\00010\0"
        "status\0005.1.1\0diag_type\0\0"s));
    auto back = decode_bounce_request(parse_attributes(bytes).attributes);
    REQUIRE(back);
    CHECK(back->op == BounceOp::kAppend);
    CHECK(back->recipient.offset == 289);
    CHECK(back->status.reason == "unknown user");
}

TEST_CASE("ipc/bounce_client: all operations come back as they were sent") {
    for (int op = 0; op <= 5; ++op) {
        BounceRequest request;
        request.op = static_cast<BounceOp>(op);
        request.flags = kBounceMarkDone;
        request.queue_id = "A1";
        bool has_message = request.op != BounceOp::kAppend;
        request.queue_name = has_message ? "active" : "";
        request.sender = has_message ? "s@example" : "";
        request.verp_delimiters = request.op == BounceOp::kVerp ? "+=" : "";
        auto back =
            decode_bounce_request(parse_attributes(encode_bounce_request(request)).attributes);
        REQUIRE(back);
        CHECK(static_cast<int>(back->op) == op);
        CHECK(back->flags == kBounceMarkDone);
        CHECK(back->queue_id == "A1");
        CHECK(back->sender == request.sender);
        CHECK(back->verp_delimiters == request.verp_delimiters);
    }
}

TEST_CASE("ipc/bounce_client: unknown and incomplete requests are refused") {
    CHECK(decode_bounce_request({{"nrequest", "6"}}).error().message == "unknown command: 6");
    CHECK(decode_bounce_request({{"nrequest", "1"}, {"flags", "0"}}).error().code ==
          Errc::kCorrupt);
    CHECK(decode_bounce_request({}).error().code == Errc::kCorrupt);
}
