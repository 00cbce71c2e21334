// Fuzz target: what a POP3 client can send, what a message can be, and what pop3_uidl_format can be
// set to.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/pop3/command_line.h"
#include "lib/pop3/message_text.h"
#include "lib/pop3/uidl_format.h"

using namespace relais::pop3;

namespace {

// Undoes what the wire form does, and counts its lines.
void check_wire(std::string_view wire) {
    if (!wire.ends_with("\r\n.\r\n")) {
        std::abort();
    }
    std::string_view lines = wire.substr(0, wire.size() - 3);
    while (!lines.empty()) {
        auto end = lines.find("\r\n");
        if (end == std::string_view::npos || lines.substr(0, end) == ".") {
            std::abort();  // the message would end too early
        }
        lines.remove_prefix(end + 2);
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    CommandLine command = parse_command(text.substr(0, text.find('\n')));
    std::string_view arguments = command.arguments;
    while (take_number(arguments)) {
        arguments.remove_prefix(std::min<std::size_t>(arguments.size(), 1));
    }
    TextRules rules;
    rules.replace_nul = size % 2 == 0;
    rules.end_header = size % 3 == 0;
    for (int lines = -1; lines < 3; ++lines) {
        rules.body_lines.reset();
        if (lines >= 0) {
            rules.body_lines = static_cast<std::uint64_t>(lines);
        }
        MessageText message(text, rules);
        std::string wire;
        while (message.next(wire)) {
        }
        check_wire(wire);
    }
    if (auto format = UidlFormat::parse(text.substr(0, 200))) {
        UidlValues values;
        values.uid = 1;
        values.uid_validity = 4294967295U;
        values.file_name = text;
        values.guid = text.substr(0, 3);
        (void)format->expand(values);
    }
    return 0;
}
