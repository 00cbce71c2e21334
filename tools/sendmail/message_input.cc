#include "tools/sendmail/message_input.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais {

namespace {

constexpr std::size_t kReadSize = 65536;

}  // namespace

MessageInput::MessageInput(int fd, LoneDot lone_dot)
    : fd_(fd), lone_dot_(lone_dot), limit_(static_cast<std::size_t>(conf().line_length_limit())) {
    const std::string& fix = conf().sendmail_fix_line_endings();
    if (fix == "always") {
        fix_ = FixEndings::kAlways;
    } else if (fix == "strict") {
        fix_ = FixEndings::kStrict;
    } else if (fix == "never") {
        fix_ = FixEndings::kNever;
    } else {
        log_fatal("unknown sendmail_fix_line_endings value: {}", fix);
    }
}

// Reads more; false at the end of input.
bool MessageInput::fill() {
    buffer_.erase(0, at_);
    at_ = 0;
    for (;;) {
        std::size_t had = buffer_.size();
        buffer_.resize(had + kReadSize);
        ssize_t got = ::read(fd_, buffer_.data() + had, kReadSize);
        buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        failed_ = failed_ || got < 0;
        eof_ = got <= 0;
        return !eof_;
    }
}

std::optional<MessageInput::Line> MessageInput::next_raw() {
    for (;;) {
        std::string_view rest = std::string_view(buffer_).substr(at_);
        std::size_t newline = rest.substr(0, limit_).find('\n');
        if (newline != std::string_view::npos) {
            at_ += newline + 1;
            return Line{rest.substr(0, newline), true};
        }
        if (rest.size() >= limit_) {
            at_ += limit_;
            return Line{rest.substr(0, limit_), false};
        }
        if (eof_ || !fill()) {
            if (rest.empty()) {
                return std::nullopt;
            }
            // A last line without its end: the queue completes it.
            rest = std::string_view(buffer_).substr(at_);
            at_ = buffer_.size();
            return Line{rest, false};
        }
    }
}

void MessageInput::strip_cr(Line& line) {
    if (!line.complete) {
        return;
    }
    if (first_line_) {
        first_line_ = false;
        if (fix_ == FixEndings::kStrict) {
            fix_ = line.text.ends_with('\r') ? FixEndings::kAlways : FixEndings::kNever;
        }
    }
    if (fix_ == FixEndings::kAlways && line.text.ends_with('\r')) {
        line.text.remove_suffix(1);
    }
}

std::optional<MessageInput::Line> MessageInput::next() {
    for (;;) {
        auto line = next_raw();
        if (!line) {
            return std::nullopt;
        }
        strip_cr(*line);
        bool whole = line->complete && !within_line_;
        within_line_ = !line->complete;
        if (whole && lone_dot_ == LoneDot::kEnds && line->text == ".") {
            return std::nullopt;
        }
        bool envelope_line = line->text.starts_with("From ") || line->text.starts_with(">From ");
        if (at_start_ && whole && envelope_line) {
            continue;
        }
        at_start_ = false;
        return line;
    }
}

}  // namespace relais
