#include "lib/event/gunzip.h"

#include <algorithm>
#include <limits>

#include <zlib.h>

namespace relais {

namespace {

constexpr std::size_t kFirstPiece = std::size_t{64} << 10;
constexpr int kOnlyGzip = MAX_WBITS + 16;

class Inflater {
  public:
    Inflater() : ready_(::inflateInit2(&stream_, kOnlyGzip) == Z_OK) {}

    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    ~Inflater() {
        if (ready_) {
            ::inflateEnd(&stream_);
        }
    }

    bool ready() const { return ready_; }

    z_stream& stream() { return stream_; }

  private:
    z_stream stream_{};
    bool ready_;
};

}  // namespace

Result<std::string> gunzip(std::string_view compressed, std::size_t most) {
    Inflater inflater;
    if (!inflater.ready() || compressed.size() > std::numeric_limits<uInt>::max()) {
        return fail(Errc::kTooLarge, "too large to be inflated");
    }
    z_stream& stream = inflater.stream();
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));  // NOLINT: zlib
    stream.avail_in = static_cast<uInt>(compressed.size());
    std::string text;
    std::size_t size = 0;
    int result = Z_OK;
    while (result == Z_OK) {
        if (size == text.size()) {
            if (size > most) {
                return fail(Errc::kTooLarge, "more than any message has comes out of it");
            }
            text.resize(std::min(std::max(kFirstPiece, size * 2), most + 1));
        }
        const std::size_t room = std::min<std::size_t>(text.size() - size, kFirstPiece);
        stream.next_out = reinterpret_cast<Bytef*>(text.data() + size);
        stream.avail_out = static_cast<uInt>(room);
        result = ::inflate(&stream, Z_NO_FLUSH);
        size += room - stream.avail_out;
    }
    if (result != Z_STREAM_END || stream.avail_in > 0) {
        return fail(Errc::kCorrupt, "it is damaged");
    }
    if (size > most) {
        return fail(Errc::kTooLarge, "more than any message has comes out of it");
    }
    text.resize(size);
    return text;
}

}  // namespace relais
