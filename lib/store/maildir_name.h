// File names in a Maildir: "BASE:2,FLAGS", where BASE identifies the message for ever and may tell
// sizes (",S=" and ",W="), and FLAGS are letters in ASCII order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

// System flags as bits, and keywords as the bits 0 to 25 of a second word: letters a to z.
struct MessageFlags {
    static constexpr std::uint8_t kAnswered = 1;
    static constexpr std::uint8_t kFlagged = 2;
    static constexpr std::uint8_t kDeleted = 4;
    static constexpr std::uint8_t kSeen = 8;
    static constexpr std::uint8_t kDraft = 16;

    std::uint8_t system = 0;
    std::uint32_t keywords = 0;

    friend bool operator==(const MessageFlags&, const MessageFlags&) = default;
};

inline constexpr int kMaxKeywords = 26;

// The part before the flags.
[[nodiscard]] std::string_view maildir_base(std::string_view name);

[[nodiscard]] MessageFlags parse_maildir_flags(std::string_view name);

// The name with other flags.  Letters that mean nothing to us, and what follows a further comma,
// are kept.
[[nodiscard]] std::string with_maildir_flags(std::string_view name, MessageFlags flags);

// ",S=" (the file's size) and ",W=" (its size with CRLF line ends), where the base tells them.
[[nodiscard]] std::optional<std::uint64_t> maildir_size(std::string_view base, char which);

// The order in which new messages get their UIDs: by the seconds at the beginning, then by text.
[[nodiscard]] bool maildir_name_before(std::string_view a, std::string_view b);

// A base name that no other message of this host has: "SECONDS.MxxxPyyyQn.HOST".
[[nodiscard]] std::string make_maildir_base(std::string_view host);

}  // namespace relais
