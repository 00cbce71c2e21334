// The client's half of OAUTHBEARER (RFC 7628) and XOAUTH2, which libsasl2 has only with plug-ins of
// others: the password is a token, and the server says yes at once or why not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

[[nodiscard]] bool is_bearer_mechanism(std::string_view name);

// What goes to the server first.  Nothing where a name or a token has what cannot be sent.
[[nodiscard]] std::optional<std::string> bearer_response(std::string_view mechanism,
                                                         std::string_view user,
                                                         std::string_view token,
                                                         std::string_view host);

// The answer to its reasons, behind which it says no.
[[nodiscard]] std::string bearer_end(std::string_view mechanism);

}  // namespace relais
