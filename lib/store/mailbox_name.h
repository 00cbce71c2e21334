// Names of mailboxes in IMAP (modified UTF-7, levels joined by the hierarchy separator) and on
// disk, in directories and in the subscriptions file (levels joined by a dot or a slash, and any
// bytes at all).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

enum class NameEncoding : std::uint8_t { kUtf7, kUtf8 };

// How the names of a tree of mailboxes stand on disk.
struct DiskNames {
    char separator = '.';  // of clients' names
    char on_disk = '.';    // '/' where directories lie within each other
    NameEncoding encoding = NameEncoding::kUtf7;
};

// INBOX in any case is INBOX, alone and as the first level.
[[nodiscard]] std::string canonical_mailbox(std::string_view name, char separator);

// What clients see of "A.B" on disk.  Raw UTF-8, and an "&" that begins nothing, are encoded; there
// is no name for bytes that are no UTF-8.
[[nodiscard]] std::optional<std::string> mailbox_from_disk(std::string_view text,
                                                           const DiskNames& names);

// The name is valid modified UTF-7.
[[nodiscard]] std::string mailbox_to_disk(std::string_view name, const DiskNames& names);

}  // namespace relais
