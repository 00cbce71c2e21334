// SMTP replies: see the header.
#include "lib/smtp/reply.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::smtp {
namespace {

bool has_code(std::string_view line) {
    return line.size() >= 3 && is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]);
}

// The three digits at the front, or 0.
int leading_code(std::string_view line) {
    if (!has_code(line)) {
        return 0;
    }
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

}  // namespace

bool is_reply_line(std::string_view line) {
    return has_code(line) && (line.size() == 3 || line[3] == ' ' || line[3] == '-');
}

std::string Reply::one_line() const {
    std::string flat = text;
    std::ranges::replace(flat, '\n', ' ');
    return flat;
}

bool ReplyParser::line(std::string_view text) {
    text = trim_right(text, "\r\n");
    if (text_.size() < text_limit_) {
        text_ += text_.empty() ? "" : "\n";
        text_ += printable(text.substr(0, text_limit_));
    } else {
        cut_off_ = true;
    }
    if (!is_reply_line(text)) {
        return false;
    }
    last_ = text.substr(0, 256);
    return text.size() == 3 || text[3] == ' ';
}

Reply ReplyParser::take() {
    Reply reply;
    reply.code = leading_code(last_);
    const int klass = reply.code / 100;
    if (klass < 2 || klass > 5) {
        reply.code = 0;
        reply.dsn = "5.5.0";
    } else {
        // The enhanced code counts only where it agrees with the reply code.  RFC 2034 section 4
        const auto text = std::string_view(last_).substr(std::min(last_.size(), std::size_t{4}));
        const auto dsn = DsnCode::parse_prefix(trim_left(text));
        const int dsn_class = klass == 3 ? 2 : klass;
        reply.dsn = dsn && dsn->klass() == klass ? dsn->to_string() : format("{}.0.0", dsn_class);
    }
    reply.text = std::move(text_);
    text_.clear();
    last_.clear();
    cut_off_ = false;
    return reply;
}

std::string format_reply(std::string_view reply) {
    const auto lines = split_fields(reply, '\n');
    std::string out;
    out.reserve(reply.size() + 2);
    const auto head = lines.front().substr(0, 3);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const bool last = i + 1 == lines.size();
        if (i == 0) {
            out += head;
            out += last ? ' ' : '-';
            out += lines[i].size() > 4 ? lines[i].substr(4) : "";
        } else {
            out += head;
            out += last ? ' ' : '-';
            out += lines[i];
        }
        out += "\r\n";
    }
    return out;
}

ReplyText split_reply(std::string_view reply) {
    ReplyText parts;
    parts.code = leading_code(reply);
    parts.text = reply.size() > 4 ? reply.substr(4) : std::string_view{};
    parts.dsn = DsnCode::parse_prefix(parts.text);
    if (parts.dsn) {
        parts.text = trim_left(parts.text.substr(parts.dsn->to_string().size()));
    }
    return parts;
}

std::string soften_reply(std::string_view reply) {
    std::string soft(reply);
    if (soft.starts_with('5')) {
        soft[0] = '4';
        if (soft.size() > 5 && soft[4] == '5' && soft[5] == '.') {
            soft[4] = '4';
        }
    }
    return soft;
}

}  // namespace relais::smtp
