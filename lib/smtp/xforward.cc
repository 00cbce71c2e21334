// XFORWARD and XCLIENT: see the header.
#include "lib/smtp/xforward.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/mail/dsn.h"

namespace relais::smtp {
namespace {

std::string command_with(std::string_view verb, const Capabilities& server,
                         std::span<const XforwardAttribute> attributes) {
    const auto announced = server.arguments(verb);
    if (!announced) {
        return {};
    }
    const auto words = split_words(*announced, " \t");
    std::string command;
    for (const auto& attribute : attributes) {
        const bool known = std::ranges::any_of(
            words, [&](std::string_view word) { return iequals(word, attribute.name); });
        if (known && !attribute.value.empty()) {
            command += format(" {}={}", attribute.name, xtext_encode(attribute.value));
        }
    }
    return command.empty() ? command : std::string(verb) + command;
}

}  // namespace

std::string xforward_command(const Capabilities& server,
                             std::span<const XforwardAttribute> attributes) {
    return command_with("XFORWARD", server, attributes);
}

std::string xclient_command(const Capabilities& server,
                            std::span<const XforwardAttribute> attributes) {
    return command_with("XCLIENT", server, attributes);
}

}  // namespace relais::smtp
