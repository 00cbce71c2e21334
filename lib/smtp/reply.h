// SMTP replies: read line by line by clients, formatted by servers.  RFC 5321 4.2, RFC 2034
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "lib/mail/dsn.h"

namespace relais::smtp {

// A reply as a client received it.
struct Reply {
    int code = 0;      // 0: the server did not speak SMTP
    std::string dsn;   // its enhanced code, or one made up from the reply code ("5.0.0")
    std::string text;  // all lines as they came, with "\n" between

    int klass() const { return code / 100; }

    // The text on one line, for logs and bounces.
    std::string one_line() const;
};

// Three digits, and "-" or a blank behind them or nothing.  What else a server says is no reply.
[[nodiscard]] bool is_reply_line(std::string_view line);

// Puts a reply together.  Lines come without their line end; one that is no reply is part of what
// stands around it, and ends nothing.
class ReplyParser {
  public:
    explicit ReplyParser(std::size_t text_limit = 100000) : text_limit_(text_limit) {}

    // True when the reply is complete; take() then hands it out and starts afresh.
    bool line(std::string_view text);

    // Text beyond the limit was thrown away.
    bool cut_off() const { return cut_off_; }

    // What has come so far.
    std::string_view text() const { return text_; }

    Reply take();

  private:
    std::size_t text_limit_;
    std::string text_;
    std::string last_;
    bool cut_off_ = false;
};

// "550 5.1.1 text" with CRLF.  Where text holds "\n" the reply has several lines.
[[nodiscard]] std::string format_reply(std::string_view reply);

// The parts of a server's own reply text "550 5.1.1 text".
struct ReplyText {
    int code = 0;
    std::optional<DsnCode> dsn;
    std::string_view text;
};

[[nodiscard]] ReplyText split_reply(std::string_view reply);

// 5xx becomes 4xx, and 5.x.x becomes 4.x.x (soft_bounce).
[[nodiscard]] std::string soften_reply(std::string_view reply);

}  // namespace relais::smtp
