// How postconf prints: one line for each thing, or folded at 80 columns, or JSON.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/json.h"

#include "tools/postconf/options.h"

namespace relais::postconf {

// The words of `text`, single blanks between them; with folding, lines of at most 80 columns as far
// as the words allow, the later ones indented by 4.
[[nodiscard]] std::string format_line(std::string_view text, const Options& options);

// "name = value", "name =", the name alone (-H), the value alone (-h) or {"name": "value"} (-j).
[[nodiscard]] std::string format_value(std::string_view name, std::string_view value,
                                       const Options& options);

// To standard output; a write error ends the program.
void print_line(std::string_view line);
void flush_output();

}  // namespace relais::postconf
