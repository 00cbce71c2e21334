#include "lib/event/deflate_transport.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include <zlib.h>

namespace relais {

namespace {

constexpr int kRawWindow = -15;  // RFC 4978 4: no header, the largest window
constexpr int kMemoryLevel = 8;
constexpr std::size_t kPiece = std::size_t{64} * 1024;  // of what is written, at a time

class DeflateTransport final : public Transport {
  public:
    explicit DeflateTransport(std::unique_ptr<Transport> under) : under_(std::move(under)) {
        bool ready = inflateInit2(&in_, kRawWindow) == Z_OK &&
                     deflateInit2(&out_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kRawWindow,
                                  kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK;
        if (!ready) {
            inflateEnd(&in_);
            throw std::bad_alloc();
        }
    }

    ~DeflateTransport() override {
        inflateEnd(&in_);
        deflateEnd(&out_);
    }

    IoOutcome read(std::span<char> into) override {
        for (;;) {
            std::size_t got = 0;
            if (!expand(into, got)) {
                return {IoStatus::kFailed, 0, EPROTO, "the compressed data are damaged"};
            }
            if (got > 0) {
                return {IoStatus::kDone, got, 0, ""};
            }
            if (ended_) {
                return {IoStatus::kEndOfStream, 0, 0, ""};
            }
            IoOutcome outcome = under_->read(received_);
            if (outcome.status != IoStatus::kDone) {
                full_ = false;
                return outcome;
            }
            in_.next_in = reinterpret_cast<Bytef*>(received_.data());
            in_.avail_in = static_cast<uInt>(outcome.count);
            full_ = outcome.count == received_.size();
        }
    }

    // Either all of a piece is on its way, or the caller comes again with the same bytes.
    IoOutcome write(std::string_view bytes) override {
        if (accepted_ == 0) {
            accepted_ = std::min(bytes.size(), kPiece);
            compress(bytes.substr(0, accepted_));
        }
        while (sent_ < compressed_.size()) {
            IoOutcome outcome = under_->write(std::string_view(compressed_).substr(sent_));
            if (outcome.status != IoStatus::kDone) {
                return outcome;
            }
            sent_ += outcome.count;
        }
        compressed_.clear();
        sent_ = 0;
        return {IoStatus::kDone, std::exchange(accepted_, 0), 0, ""};
    }

    // After a full buffer there may be more below, of which no event will tell.
    bool has_pending() const override {
        return in_.avail_in > 0 || more_ || full_ || under_->has_pending();
    }

  private:
    // False for data that are no DEFLATE.
    bool expand(std::span<char> into, std::size_t& got) {
        if (ended_ || (in_.avail_in == 0 && !more_) || into.empty()) {
            return true;
        }
        in_.next_out = reinterpret_cast<Bytef*>(into.data());
        in_.avail_out = static_cast<uInt>(into.size());
        int result = inflate(&in_, Z_SYNC_FLUSH);
        got = into.size() - in_.avail_out;
        more_ = in_.avail_out == 0;  // there may be more that it holds back
        ended_ = result == Z_STREAM_END;
        return result == Z_OK || result == Z_BUF_ERROR || result == Z_STREAM_END;
    }

    void compress(std::string_view bytes) {
        std::array<char, 16384> buffer;
        out_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // NOLINT: zlib
        out_.avail_in = static_cast<uInt>(bytes.size());
        do {
            out_.next_out = reinterpret_cast<Bytef*>(buffer.data());
            out_.avail_out = static_cast<uInt>(buffer.size());
            deflate(&out_, Z_SYNC_FLUSH);
            compressed_.append(buffer.data(), buffer.size() - out_.avail_out);
        } while (out_.avail_out == 0);
    }

    std::unique_ptr<Transport> under_;
    z_stream in_{};
    z_stream out_{};
    std::array<char, 16384> received_{};
    bool more_ = false;
    bool full_ = false;
    bool ended_ = false;
    std::string compressed_;
    std::size_t sent_ = 0;
    std::size_t accepted_ = 0;  // bytes of the caller that compressed_ stands for
};

}  // namespace

std::unique_ptr<Transport> deflate_transport(std::unique_ptr<Transport> under) {
    return std::make_unique<DeflateTransport>(std::move(under));
}

}  // namespace relais
