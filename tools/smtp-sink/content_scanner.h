// The content after DATA, as fast as it comes: where it ends, and for a dump its lines with LF
// ends. Only CRLF.CRLF ends it; a CR is never kept.  RFC 5321 4.1.1.4, 4.5.2
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace relais::smtp_sink {

class ContentScanner {
  public:
    // Takes the content at the beginning of `input`: how many bytes.  All of them, unless the end
    // was found.  What is to be kept is appended to `out`, where there is one.
    std::size_t take(std::string_view input, std::string* out);

    bool at_end() const { return state_ == State::kEnd; }

    // Before the next message.
    void begin() { state_ = State::kLineStart; }

  private:
    enum class State { kText, kCr, kLineStart, kDot, kDotCr, kEnd };

    State after(char c) const;

    State state_ = State::kLineStart;
};

}  // namespace relais::smtp_sink
