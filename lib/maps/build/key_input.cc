#include "lib/maps/build/key_input.h"

#include <cerrno>

#include <poll.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/result.h"

namespace relais {

namespace {

constexpr std::size_t kChunk = 65536;
constexpr std::size_t kLongestHold = 1000;  // lines
constexpr std::size_t kLongestLine = std::size_t{1} << 30;

bool must_wait() {
    pollfd input = {STDIN_FILENO, POLLIN, 0};
    return ::poll(&input, 1, 0) == 0;
}

}  // namespace

bool KeyInput::next(std::string_view& line) {
    std::size_t end = buffer_.find('\n', begin_);
    while (end == std::string::npos) {
        std::size_t searched = buffer_.size() - begin_;
        if (!fill()) {
            end = buffer_.size();
            if (begin_ == end) {
                return false;
            }
            break;
        }
        end = buffer_.find('\n', begin_ + searched);
    }
    line = std::string_view(buffer_).substr(begin_, end - begin_);
    begin_ = std::min(end + 1, buffer_.size());
    if (resumed_ && ++lines_ >= kLongestHold) {
        let_go();
    }
    if (!resumed_) {
        resume_();
        resumed_ = true;
        lines_ = 0;
    }
    return true;
}

bool KeyInput::fill() {
    if (ended_ || buffer_.size() - begin_ > kLongestLine) {
        return false;
    }
    if (must_wait()) {
        let_go();
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    std::size_t old = buffer_.size();
    buffer_.resize(old + kChunk);
    ssize_t got = 0;
    do {
        got = ::read(STDIN_FILENO, buffer_.data() + old, kChunk);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        log_fatal("{}", fail_errno("read standard input").error().message);
    }
    buffer_.resize(old + static_cast<std::size_t>(got));
    ended_ = got == 0;
    return !ended_;
}

void KeyInput::let_go() {
    if (resumed_) {
        pause_();
        resumed_ = false;
    }
}

}  // namespace relais
