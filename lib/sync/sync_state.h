// What doveadm sync prints for the next run (-s), in the form of Dovecot 2.3: base64 of a version
// (4 bytes), 44 bytes for each mailbox, and the CRC-32 of all that.  Numbers are little-endian:
//
//     GUID (16), UIDVALIDITY (4), last UID that both sides have (4), number of the last change (8),
//     the same for private flags (8), messages (4)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

struct MailboxState {
    std::string guid;  // 32 hexadecimal digits
    std::uint32_t uid_validity = 0;
    std::uint32_t last_uid = 0;
    std::uint32_t messages = 0;

    friend bool operator==(const MailboxState&, const MailboxState&) = default;
};

[[nodiscard]] std::string serialize_sync_state(const std::vector<MailboxState>& mailboxes);

// kSyntax: it is none.
[[nodiscard]] Result<std::vector<MailboxState>> parse_sync_state(std::string_view text);

}  // namespace relais
