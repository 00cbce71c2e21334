// Keys inside LDAP filters (RFC 4515 3) and distinguished names (RFC 4514 2.4): every byte that
// could mean something is escaped as a backslash and two hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

namespace relais {

bool quote_ldap_filter(std::string_view text, std::string& out);
bool quote_ldap_name(std::string_view text, std::string& out);

}  // namespace relais
