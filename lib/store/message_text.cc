#include "lib/store/message_text.h"

#include <cerrno>

#include <unistd.h>

namespace relais {

namespace {

constexpr std::uint64_t kMaxMessage = std::uint64_t{1} << 30;

}  // namespace

Result<std::string> read_message_text(int fd, std::uint64_t from, std::uint64_t to) {
    if (to - from > kMaxMessage) {
        return fail(Errc::kTooLarge, "the message is too large");
    }
    std::string text;
    int trouble = 0;
    const auto size = static_cast<std::size_t>(to - from);
    // What is handed in may be more than was asked for (libstdc++ 12).
    text.resize_and_overwrite(size, [fd, from, size, &trouble](char* data, std::size_t) {
        std::size_t had = 0;
        while (had < size) {
            ssize_t got = ::pread(fd, data + had, size - had, static_cast<off_t>(from + had));
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got <= 0) {
                trouble = got < 0 ? errno : 0;
                break;
            }
            had += static_cast<std::size_t>(got);
        }
        return had;
    });
    if (trouble != 0) {
        return fail_errno("read a message", trouble);
    }
    return text;
}

}  // namespace relais
