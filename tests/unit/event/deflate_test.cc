// Compressed streams.
#include <algorithm>
#include <array>
#include <deque>

#include <zlib.h>

#include "lib/event/deflate_transport.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

// A peer: what it sends comes in pieces, and it takes a few bytes at a time, or none.
class Peer final : public Transport {
  public:
    struct Wire {
        std::deque<std::string> coming;
        std::string taken;
        std::size_t takes = 0;  // so many bytes at once; 0: it is full
        bool closed = false;
    };

    explicit Peer(Wire* wire) : wire_(wire) {}

    IoOutcome read(std::span<char> into) override {
        if (wire_->coming.empty()) {
            return {wire_->closed ? IoStatus::kEndOfStream : IoStatus::kWantRead, 0, 0, ""};
        }
        std::string& piece = wire_->coming.front();
        std::size_t count = std::min(piece.size(), into.size());
        std::copy_n(piece.begin(), count, into.begin());
        piece.erase(0, count);
        if (piece.empty()) {
            wire_->coming.pop_front();
        }
        return {IoStatus::kDone, count, 0, ""};
    }

    IoOutcome write(std::string_view bytes) override {
        std::size_t count = std::min(bytes.size(), wire_->takes);
        wire_->taken += bytes.substr(0, count);
        return {count > 0 ? IoStatus::kDone : IoStatus::kWantWrite, count, 0, ""};
    }

    bool has_pending() const override { return false; }

  private:
    Wire* wire_;
};

std::string squeezed(std::string_view text, int flush = Z_SYNC_FLUSH) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string in(text);
    std::string out(deflateBound(&stream, in.size()) + 100, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, flush);
    out.resize(out.size() - stream.avail_out);
    deflateEnd(&stream);
    return out;
}

std::string read_all(Transport& transport, std::size_t at_once, IoStatus& last) {
    std::string all;
    std::string buffer(at_once, '\0');
    for (;;) {
        IoOutcome outcome = transport.read(buffer);
        last = outcome.status;
        if (last != IoStatus::kDone) {
            return all;
        }
        CHECK(outcome.count > 0);
        all.append(buffer, 0, outcome.count);
    }
}

}  // namespace

TEST_CASE("event/deflate: what comes is expanded, however it is cut") {
    std::string text;
    for (int i = 0; i < 20000; ++i) {
        text += std::to_string(i * 7919) + " ";
    }
    std::string data = squeezed(text);
    for (std::size_t cut : {std::size_t{1}, std::size_t{1000}, data.size()}) {
        Peer::Wire wire;
        for (std::size_t at = 0; at < data.size(); at += cut) {
            wire.coming.push_back(data.substr(at, cut));
        }
        auto transport = deflate_transport(std::make_unique<Peer>(&wire));
        IoStatus last{};
        CHECK(read_all(*transport, 4096, last) == text);
        CHECK(last == IoStatus::kWantRead);
        CHECK_FALSE(transport->has_pending());
        wire.closed = true;
        CHECK(read_all(*transport, 10, last).empty());
        CHECK(last == IoStatus::kEndOfStream);
    }
}

TEST_CASE("event/deflate: a few bytes expand to no more than is asked for") {
    Peer::Wire wire;
    wire.coming.push_back(squeezed(std::string(std::size_t{64} << 20, 'x')));
    CHECK(wire.coming.front().size() < 100000);
    auto transport = deflate_transport(std::make_unique<Peer>(&wire));
    std::string buffer(4096, '\0');
    for (int i = 0; i < 100; ++i) {
        CHECK(transport->read(buffer).count == buffer.size());
        CHECK(transport->has_pending());
    }
    CHECK(wire.coming.size() == 1);  // most of it was not even looked at
}

TEST_CASE("event/deflate: damage and the end") {
    Peer::Wire wire;
    wire.coming.push_back("\xff\xff\xff this is no deflate");
    auto transport = deflate_transport(std::make_unique<Peer>(&wire));
    std::string buffer(100, '\0');
    CHECK(transport->read(buffer).status == IoStatus::kFailed);
    Peer::Wire ended;
    ended.coming.push_back(squeezed("bye", Z_FINISH) + "more");
    transport = deflate_transport(std::make_unique<Peer>(&ended));
    IoStatus last{};
    CHECK(read_all(*transport, 100, last) == "bye");
    CHECK(last == IoStatus::kEndOfStream);
}

TEST_CASE("event/deflate: what is written arrives whole, though the peer is slow") {
    Peer::Wire wire;
    auto transport = deflate_transport(std::make_unique<Peer>(&wire));
    std::string text;
    for (unsigned i = 0; i < 50000; ++i) {
        text += std::to_string(i * 104729U) + "\r\n";
    }
    std::size_t sent = 0;
    std::size_t waits = 0;
    while (sent < text.size()) {
        wire.takes = waits % 3 == 0 ? 0 : 777;
        IoOutcome outcome = transport->write(std::string_view(text).substr(sent));
        if (outcome.status == IoStatus::kWantWrite) {
            ++waits;
            CHECK(outcome.count == 0);
        } else {
            REQUIRE(outcome.status == IoStatus::kDone);
            sent += outcome.count;
            ++waits;
        }
    }
    CHECK(wire.taken.size() < text.size());
    Peer::Wire back;
    back.coming.push_back(wire.taken);
    auto reader = deflate_transport(std::make_unique<Peer>(&back));
    IoStatus last{};
    CHECK(read_all(*reader, 65536, last) == text);
}
