// A line of an SMTP server's reply, as programs read it that judge servers and are not to be
// surprised: whatever is no reply has the code 0 and ends it.  RFC 5321 4.2
#pragma once

#include <string_view>

namespace relais::load {

struct ReplyLine {
    int code = 0;
    bool is_last = true;
    std::string_view text;  // what follows the code
};

// `line` has no line end.
[[nodiscard]] ReplyLine split_reply_line(std::string_view line);

}  // namespace relais::load
