#include "lib/store/compressed_message.h"

#include <array>
#include <string_view>

#include "lib/base/format.h"
#include "lib/event/gunzip.h"

namespace relais {

namespace {

constexpr std::size_t kLargest = std::size_t{256} << 20;

struct Mark {
    std::string_view bytes;
    std::string_view method;
};

constexpr std::string_view kGzip("\x1f\x8b\x08", 3);
constexpr std::array<Mark, 4> kOthers = {{{"\x28\xb5\x2f\xfd", "zstd"},
                                          {"Dovecot-LZ4\x0d\x2a\x9b\xc5", "lz4"},
                                          {std::string_view("\xfd\x37\x7a\x58\x5a\x00", 6), "xz"},
                                          {"BZh9\x31\x41\x59\x26\x53\x59", "bz2"}}};

}  // namespace

Result<std::string> plain_message(std::string text, const std::string& path) {
    for (const Mark& mark : kOthers) {
        if (text.starts_with(mark.bytes)) {
            return fail(Errc::kDenied,
                        format("{}: a message that is compressed with {}, which we cannot read",
                               path, mark.method));
        }
    }
    if (!text.starts_with(kGzip)) {
        return text;
    }
    auto plain = gunzip(text, kLargest);
    return plain ? plain
                 : fail(plain.error().code,
                        format("{}: a compressed message: {}", path, plain.error().message));
}

}  // namespace relais
