#include "lib/store/file_sink.h"

#include <unistd.h>

#include "lib/base/file.h"

namespace relais {

namespace {

constexpr std::size_t kBufferSize = 64 * 1024;

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
