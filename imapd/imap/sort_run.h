// Puts messages in the order of SORT; what that needs is kept with the mailbox.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/imap/sort_program.h"

#include "imapd/imap/session.h"
#include "imapd/imap/sort_columns.h"
#include "imapd/imap/thread_ids.h"

namespace relais {

// What SORT and THREAD compare.
struct Orders final : MailboxMemory {
    SortColumns columns;
    ThreadIds ids;
};

[[nodiscard]] Orders& orders_of(OpenMailbox& mailbox);

// These messages of the selected mailbox in the order that the criteria say (RFC 5256 3).  With a
// tag the client is told how far its command is.
[[nodiscard]] Task<std::vector<std::uint32_t>> sort_messages(
    Session& session, std::vector<imap::SortCriterion> program, std::vector<std::uint32_t> uids,
    std::string tag);

}  // namespace relais
