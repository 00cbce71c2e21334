// A message as RETR and TOP send it: CRLF line ends, a dot before each dot that begins a line
// (RFC 1939 3), and the dot that ends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais::pop3 {

struct TextRules {
    std::optional<std::uint64_t> body_lines;  // TOP: the header and so many lines
    bool replace_nul = false;                 // NUL becomes 0x80, for clients that stop at one
    bool end_header = false;                  // a message that is all header gets an empty line
};

class MessageText {
  public:
    // `text` is the file as it is, LF or CRLF; it outlives this.
    MessageText(std::string_view text, TextRules rules) : left_(text), rules_(rules) {}

    // Appends some more of it to `out`.  False when that was the end of it.
    bool next(std::string& out);

  private:
    void add_line(std::string_view line, std::string& out);
    void finish(std::string& out);

    std::string_view left_;
    TextRules rules_;
    std::uint64_t body_sent_ = 0;
    bool in_body_ = false;
    bool ended_ = false;  // what was sent last is a line with its end
};

}  // namespace relais::pop3
