#include "lib/pop3/command_line.h"

#include <limits>

#include "lib/base/strings.h"

namespace relais::pop3 {

CommandLine parse_command(std::string_view line) {
    auto space = line.find(' ');
    CommandLine command;
    command.name = uppercase(line.substr(0, space));
    if (space != std::string_view::npos) {
        command.arguments = trim_left(line.substr(space), " ");
    }
    return command;
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && is_digit(text[length])) {
        ++length;
    }
    if (length == 0) {
        return std::nullopt;
    }
    auto value = parse_uint(text.substr(0, length));
    text.remove_prefix(length);
    return value.value_or(std::numeric_limits<std::uint64_t>::max());
}

}  // namespace relais::pop3
