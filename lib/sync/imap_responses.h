// What IMAP servers answer (RFC 3501 7), as far as a synchronization wants to know it.  The text is
// a whole response with its literals in place, without "* " and the line end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sync/replica.h"

namespace relais::imap {

// "LIST (\HasNoChildren) "/" name", and the same with LSUB.
struct ListedMailbox {
    std::string name;
    char separator = '\0';  // none
    bool selectable = true;
};

[[nodiscard]] std::optional<ListedMailbox> parse_list_response(std::string_view text);

// "25 FETCH (UID 4 FLAGS (\Seen) RFC822.SIZE 123 INTERNALDATE "..." BODY[] {9}...)"
struct FetchedMessage {
    std::uint32_t uid = 0;  // 0: it is not told
    std::optional<SyncFlags> flags;
    std::optional<std::int64_t> received;
    std::uint64_t size = 0;
    std::optional<std::string> body;
};

// Nothing for what is no FETCH response, or makes no sense.
[[nodiscard]] std::optional<FetchedMessage> parse_fetch_response(std::string_view text);

// "172 EXISTS": 172.
[[nodiscard]] std::optional<std::uint32_t> parse_exists(std::string_view text);

// The number behind a code: "OK [UIDNEXT 4392] text".
[[nodiscard]] std::optional<std::uint32_t> parse_code_number(std::string_view text,
                                                             std::string_view code);

// The bit of "\\Seen" and the like; 0 for what is none of the five.
[[nodiscard]] std::uint8_t system_flag(std::string_view name);

// Whether the line so far, without its line end, ends in the size of a literal.
[[nodiscard]] std::optional<std::uint64_t> literal_at_end(std::string_view line);

}  // namespace relais::imap
