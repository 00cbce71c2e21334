// The content after DATA on the sending side: CRLF line ends, transparency dots, long lines broken.
// RFC 5321 4.5.2
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lib/mail/mime_parser.h"

namespace relais::smtp {

class DataEncoder {
  public:
    // Lines longer than `line_limit` are broken with CRLF and a blank (smtp_line_length_limit); 0:
    // never.
    explicit DataEncoder(std::size_t line_limit = 0) : line_limit_(line_limit) {}

    // Appends a line, or a piece of one, to `out`.
    void line(std::string_view text, LinePart part, std::string& out);

    // How many times a line was broken so far.
    std::size_t breaks() const { return breaks_; }

    // Appends the end of data.
    void finish(std::string& out);

  private:
    std::size_t line_limit_;
    std::size_t column_ = 0;  // bytes of the current line
    bool in_line_ = false;
    std::size_t breaks_ = 0;
};

}  // namespace relais::smtp
