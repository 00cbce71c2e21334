// What FETCH and SEARCH want to know about messages without reading their files: sizes, the time of
// arrival, the interesting header fields and the BODYSTRUCTURE.  Found out once, then kept in the
// mailbox's cache.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/access/message_file.h"
#include "lib/access/user.h"
#include "lib/base/result.h"
#include "lib/event/loop.h"
#include "lib/imap/fetch_items.h"
#include "lib/store/mailbox.h"

namespace relais {

// The views are valid until the next call for the same mailbox.
struct MessageFacts {
    std::uint64_t size = 0;
    std::uint64_t wire_size = 0;
    std::int64_t received = 0;
    std::string_view header;                  // the fields for which is_kept_field() holds, raw
    std::string_view structure;               // BODYSTRUCTURE
    std::optional<std::string_view> preview;  // once somebody has asked for it
};

// From the cache, or from the file.
[[nodiscard]] Result<MessageFacts> facts_of(OpenMailbox& mailbox, const MailMessage& message);

// The same with the preview.
[[nodiscard]] Result<MessageFacts> facts_with_preview(OpenMailbox& mailbox,
                                                      const MailMessage& message);

// Finds out what the cache does not know of these messages yet, many at a time on helper threads.
// What cannot be had is left to who asks for it.
enum class WantedFacts { kAll, kWireSize };  // which file names may tell
constexpr std::size_t kFactsAtOnce = 256;    // as much as is worth having before it is used
[[nodiscard]] Task<void> gather_facts(OpenMailbox& mailbox, std::span<const std::uint32_t> uids,
                                      WantedFacts wanted);

// gather_facts() for the next messages where `i`, which goes over `uids`, has come to them.
[[nodiscard]] Task<void> gather_ahead(OpenMailbox& mailbox, std::span<const std::uint32_t> uids,
                                      std::size_t i, WantedFacts wanted);

// The wire size, from the file name if it tells, else from the facts.
[[nodiscard]] Result<std::uint64_t> wire_size_of(OpenMailbox& mailbox, const MailMessage& message);

// The time of arrival (modification time of the file), without reading it.
[[nodiscard]] Result<std::int64_t> received_of(OpenMailbox& mailbox, const MailMessage& message);

// The time at which it was put into this mailbox (RFC 8514): what its name begins with, which every
// program that stores a message makes anew, or else the last change of the file's status.
[[nodiscard]] Result<std::int64_t> saved_of(OpenMailbox& mailbox, const MailMessage& message);

// False for trace fields and X- fields, which nobody asks for in lists.
[[nodiscard]] bool is_kept_field(std::string_view name);

// True for BODY[HEADER.FIELDS (...)] of the message with kept fields only.
[[nodiscard]] bool is_in_facts(const imap::Section& section);

}  // namespace relais
