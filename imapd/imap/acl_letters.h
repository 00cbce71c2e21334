// Rights and identifiers of access control lists as IMAP writes them (RFC 4314 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/store/acl.h"

#include "imapd/imap/session.h"

namespace relais {

// "lrscd": with the old letters c and d for who asks in the manner of RFC 2086 (RFC 4314 2.1.1);
// an empty string in quotes.
[[nodiscard]] std::string acl_letters(AclRights rights);

// The same read: c is k and x, d is e and t.
[[nodiscard]] std::optional<AclRights> parse_acl_letters(std::string_view letters);

// "bob", "$sales", "!$sales", "owner", "authenticated", "anyone".
[[nodiscard]] std::string acl_identifier_text(const AclIdentifier& identifier);
[[nodiscard]] AclIdentifier parse_acl_identifier(std::string_view text);

// "* MYRIGHTS name lrs\r\n"
[[nodiscard]] std::string myrights_line(const Session& session, std::string_view name,
                                        AclRights rights);

}  // namespace relais
