// The line structure that main.cf, master.cf and lookup table sources share: a line that begins
// with white space continues the one before; empty lines and lines whose first visible character is
// "#" are dropped wherever they stand, also inside a continued line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais {

struct LogicalLine {
    std::string text;    // joined; no newline inside, no blanks at its end
    int first_line = 0;  // counted from 1
    int last_line = 0;   // of the text; comments behind it are not part of it
};

// A continuation that has nothing to continue is returned too: its text begins with a blank, and
// the caller warns about it with its own words.
[[nodiscard]] std::vector<LogicalLine> read_logical_lines(std::string_view text);

// The first 30 bytes, with "..." where there are more: how warnings quote a line.
[[nodiscard]] std::string excerpt(std::string_view line);

}  // namespace relais
