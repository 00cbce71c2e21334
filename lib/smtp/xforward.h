// XFORWARD: tells a server (a content filter, mostly) from which client a message came, and under
// which name, for its logs and those of the hops behind it.  XCLIENT: tells it for whom a proxy has
// connected, as whose the session then begins anew.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/smtp/capabilities.h"

namespace relais::smtp {

struct XforwardAttribute {
    std::string_view name;   // in upper case
    std::string_view value;  // "": nothing is known, and nothing is said
};

// The command with those attributes that the server announces; "" where none is left.
[[nodiscard]] std::string xforward_command(const Capabilities& server,
                                           std::span<const XforwardAttribute> attributes);
[[nodiscard]] std::string xclient_command(const Capabilities& server,
                                          std::span<const XforwardAttribute> attributes);

}  // namespace relais::smtp
