#include "lib/store/file_sink.h"

#include <cerrno>

#include <sys/sendfile.h>
#include <unistd.h>

#include "lib/base/file.h"

namespace relais {

namespace {

constexpr std::size_t kBufferSize = 65536;

}  // namespace

void FileSink::write(std::string_view bytes) {
    written_ += bytes.size();
    if (buffer_.size() + bytes.size() > kBufferSize) {
        drain();
    }
    if (bytes.size() >= kBufferSize) {
        if (outcome_) {
            outcome_ = write_all(fd_, bytes);
        }
        return;
    }
    buffer_.append(bytes);
}

void FileSink::write_file(int from, std::uint64_t size) {
    drain();
    off_t at = 0;
    while (outcome_ && static_cast<std::uint64_t>(at) < size) {
        ssize_t sent = ::sendfile(fd_, from, &at, size - static_cast<std::uint64_t>(at));
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            // A file that is shorter than it was is no message.
            outcome_ = fail_errno("sendfile", sent == 0 ? EIO : errno);
        }
    }
    written_ += static_cast<std::uint64_t>(at);
}

std::int64_t FileSink::position() const {
    off_t at = ::lseek(fd_, 0, SEEK_CUR);
    return at < 0 ? -1 : at + static_cast<std::int64_t>(buffer_.size());
}

Result<void> FileSink::finish() {
    drain();
    if (!outcome_) {
        return fail_errno(kWriteError, outcome_.error().sys_errno);
    }
    return {};
}

void FileSink::drain() {
    if (outcome_ && !buffer_.empty()) {
        outcome_ = write_all(fd_, buffer_);
    }
    buffer_.clear();
}

}  // namespace relais
