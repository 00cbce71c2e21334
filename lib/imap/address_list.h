// Addresses as ENVELOPE shows them (RFC 3501 7.4.2), from header fields (RFC 5322 3.4 with the
// obsolete forms, and what people write instead).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::imap {

struct EnvelopeAddress {
    std::optional<std::string> name;
    std::optional<std::string> route;    // source route, RFC 5322 4.4
    std::optional<std::string> mailbox;  // nothing: the end of a group
    std::optional<std::string> host;     // nothing: the beginning of a group named by `mailbox`
};

[[nodiscard]] std::vector<EnvelopeAddress> parse_address_list(std::string_view text);

// "Name <user@host>, ..." for people to read and to search in: without quotes, comments and
// encoding.
[[nodiscard]] std::string show_address_list(std::string_view text);

}  // namespace relais::imap
