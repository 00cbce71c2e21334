// The lines of a message on a descriptor.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

class MessageInput {
  public:
    enum class LoneDot { kEnds, kIsText };

    // line_length_limit and sendmail_fix_line_endings are those of conf().
    MessageInput(int fd, LoneDot lone_dot);

    struct Line {
        std::string_view text;  // valid until the next call
        bool complete = true;   // false: the line goes on
    };

    // Nothing at the end.  A mailbox's "From " line at the start is left out.
    std::optional<Line> next();

    bool failed() const { return failed_; }

  private:
    enum class FixEndings { kAlways, kStrict, kNever };

    std::optional<Line> next_raw();
    bool fill();
    void strip_cr(Line& line);

    int fd_;
    LoneDot lone_dot_;
    std::size_t limit_;
    FixEndings fix_;
    std::string buffer_;
    std::size_t at_ = 0;
    bool at_start_ = true;      // no line has been handed out
    bool first_line_ = true;    // for sendmail_fix_line_endings = strict
    bool within_line_ = false;  // the last piece was not complete
    bool eof_ = false;
    bool failed_ = false;
};

}  // namespace relais
