// ORCPT= as an SMTP client says it; parse_orcpt() (lib/mail/dsn.h) is the server's side.
#pragma once

#include <string>
#include <string_view>

namespace relais {

// Well-formed UTF-8 in the form that servers without SMTPUTF8 take as well: utf-8-addr-xtext of
// RFC 6533 section 3, where \x{20AC} stands for what is not ASCII, a blank, "+", "=" or "\".
[[nodiscard]] std::string unitext_encode(std::string_view text);

// From the form that queue files keep ("rfc822;a b@example.com") to ORCPT=type;encoded: unitext for
// utf-8 addresses, xtext (RFC 3461 4.2) for all others.
[[nodiscard]] std::string format_orcpt(std::string_view queued);

}  // namespace relais
