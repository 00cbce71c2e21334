#include "tools/smtp-sink/content_scanner.h"

#include <algorithm>

namespace relais::smtp_sink {

ContentScanner::State ContentScanner::after(char c) const {
    if (c == '\r') {
        return state_ == State::kDot ? State::kDotCr : State::kCr;
    }
    if (c == '\n' && state_ == State::kCr) {
        return State::kLineStart;
    }
    if (c == '\n' && state_ == State::kDotCr) {
        return State::kEnd;
    }
    return c == '.' && state_ == State::kLineStart ? State::kDot : State::kText;
}

std::size_t ContentScanner::take(std::string_view input, std::string* out) {
    std::size_t at = 0;
    while (at < input.size() && state_ != State::kEnd) {
        if (state_ == State::kText) {
            // Within a line nothing matters but its end.
            std::size_t end = std::min(input.find('\r', at), input.size());
            if (out != nullptr) {
                out->append(input.substr(at, end - at));
            }
            at = end;
            if (at == input.size()) {
                break;
            }
        }
        char c = input[at++];
        State next = after(c);
        if (out != nullptr && c != '\r' && next != State::kDot && next != State::kEnd) {
            *out += c;
        }
        state_ = next;
    }
    return at;
}

}  // namespace relais::smtp_sink
