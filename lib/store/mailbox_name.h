// Names of mailboxes in IMAP (modified UTF-7, levels joined by the hierarchy separator) and on
// disk, in directories and in the subscriptions file (levels joined by a dot, and any bytes at
// all).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

// INBOX in any case is INBOX, alone and as the first level.
[[nodiscard]] std::string canonical_mailbox(std::string_view name, char separator);

// What clients see of "A.B" on disk.  Raw UTF-8, and an "&" that begins nothing, are encoded; there
// is no name for bytes that are no UTF-8.
[[nodiscard]] std::optional<std::string> mailbox_from_disk(std::string_view text, char separator);

[[nodiscard]] std::string mailbox_to_disk(std::string_view name, char separator);

}  // namespace relais
