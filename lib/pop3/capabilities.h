// What CAPA tells before and after login.  RFC 2449; RESP-CODES and AUTH-RESP-CODE: RFC 3206
#pragma once

#include <string_view>

namespace relais::pop3 {

// Whole lines.  Messages stay until the client deletes them; there is no LOGIN-DELAY.
inline constexpr std::string_view kCapabilities =
    "CAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nPIPELINING\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\n"
    "IMPLEMENTATION Relais\r\n";

}  // namespace relais::pop3
