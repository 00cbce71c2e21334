// The sources of a program are in no archive: the test includes the unit itself.
#include "services/qmqpd/request.cc"  // NOLINT

#include "tests/support/catch.h"

using namespace relais::qmqpd;
using namespace std::string_view_literals;

namespace {

Request read(std::string_view bytes, std::size_t step, std::size_t limit = 100) {
    Request request(limit);
    while (!bytes.empty() && request.state() == RequestState::kIncomplete) {
        std::string_view piece = bytes.substr(0, step);
        std::size_t taken = request.take(piece);
        CHECK((taken == piece.size() || request.state() != RequestState::kIncomplete));
        bytes.remove_prefix(taken);
    }
    return request;
}

}  // namespace

TEST_CASE("qmqpd/request: a message, whole and byte by byte") {
    for (std::size_t step : {1U, 2U, 1000U}) {
        Request request = read("33:8:a,b:c\n\0d,3:s@h,4:r1@h,6:r2@h.h,,more"sv, step);
        CHECK(request.state() == RequestState::kComplete);
        CHECK(request.message == "a,b:c\n\0d"sv);
        CHECK(request.sender == "s@h");
        CHECK(request.recipients == "r1@h\0r2@h.h\0"sv);
        CHECK(request.recipient_count == 2);
    }
}

TEST_CASE("qmqpd/request: an address ends at a NUL") {
    Request request = read("33:8:a,b:c\n\0d,5:s\0s@h,5:r\0s@h,4:t@h\0,,more"sv, 1);
    CHECK(request.state() == RequestState::kComplete);
    CHECK(request.sender == "s");
    CHECK(request.recipients == "r\0t@h\0"sv);
    CHECK(request.recipient_count == 2);
}

TEST_CASE("qmqpd/request: where it is wrong") {
    auto wrong = [](std::string_view bytes) {
        Request request = read(bytes, 7);
        return std::pair(request.state(), std::string(request.place()));
    };
    using enum RequestState;
    CHECK(wrong("x") == std::pair(kBadFormat, std::string("QMQP packet header")));
    CHECK(wrong("99999999999999999999:") == std::pair(kTooLong, std::string("QMQP packet header")));
    CHECK(wrong("9:101:") == std::pair(kTooLong, std::string("message content")));
    CHECK(wrong("9:1:ab") == std::pair(kBadFormat, std::string("message content")));
    CHECK(wrong("9:1:a,,") == std::pair(kBadFormat, std::string("sender address")));
    CHECK(wrong("9:1:a,0:,1:b;") == std::pair(kBadFormat, std::string("recipient address")));
    CHECK(wrong("9:1:a,0:,5:b") == std::pair(kIncomplete, std::string("recipient address")));
    CHECK(wrong("9:1:a,0:,999999999:b") == std::pair(kTooLong, std::string("recipient address")));
}

TEST_CASE("qmqpd/request: senders that ask for VERP") {
    auto verp = verp_sender("list-@host.example-@[]");
    REQUIRE(verp);
    CHECK(verp->sender == "list@host.example");
    CHECK(verp->delimiters == "-=");
    CHECK_FALSE(verp_sender("list-@host.example"));
    CHECK_FALSE(verp_sender("-@[]"));
    CHECK_FALSE(verp_sender("@host-@[]"));
}
