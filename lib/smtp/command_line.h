// SMTP command lines as a server reads them: words, where "<...>", quoted strings and "[...]" keep
// their blanks.  Lenient as mail servers have to be (blanks around the ":" of "FROM:").
// RFC 5321 4.1.1
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais::smtp {

struct CommandWord {
    std::string text;
    bool malformed = false;  // a bracket or quote that is not closed
};

struct CommandLine {
    std::string_view verb;               // as typed
    std::vector<CommandWord> arguments;  // what follows; "FROM:" is a word of its own
};

// `line` without its line end.  Blanks at both ends do not count.
[[nodiscard]] CommandLine parse_command_line(std::string_view line);

}  // namespace relais::smtp
