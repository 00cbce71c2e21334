#include "lib/pop3/message_text.h"

#include <algorithm>

namespace relais::pop3 {

namespace {

constexpr std::size_t kPiece = std::size_t{64} * 1024;  // so much at a time, but for long lines

}  // namespace

void MessageText::add_line(std::string_view line, std::string& out) {
    if (line.starts_with('.')) {
        out += '.';
    }
    std::size_t at = out.size();
    out += line;
    if (rules_.replace_nul) {
        std::replace(out.begin() + static_cast<std::ptrdiff_t>(at), out.end(), '\0', '\x80');
    }
}

bool MessageText::next(std::string& out) {
    std::size_t until = out.size() + kPiece;
    while (!left_.empty() && out.size() < until) {
        if (in_body_ && rules_.body_lines && body_sent_ >= *rules_.body_lines) {
            left_ = {};
            break;
        }
        auto end = left_.find('\n');
        std::string_view line = left_.substr(0, end);
        left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
        ended_ = end != std::string_view::npos;
        if (ended_ && line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        add_line(line, out);
        if (ended_) {
            out += "\r\n";
        }
        body_sent_ += in_body_ ? 1 : 0;
        in_body_ = in_body_ || (ended_ && line.empty());
    }
    if (!left_.empty()) {
        return true;
    }
    finish(out);
    return false;
}

void MessageText::finish(std::string& out) {
    if (!ended_) {
        out += "\r\n";
    }
    if (!in_body_ && rules_.end_header) {
        out += "\r\n";
    }
    out += ".\r\n";
}

}  // namespace relais::pop3
