// STATUS items: of the command itself, and of LIST ... RETURN (STATUS (...)).
#pragma once

#include <optional>
#include <string>

#include "imapd/imap/session.h"

namespace relais {

struct StatusItems {
    bool messages = false;
    bool recent = false;
    bool uid_next = false;
    bool uid_validity = false;
    bool unseen = false;
    bool size = false;
    bool append_limit = false;
    bool deleted = false;          // RFC 9051
    bool deleted_storage = false;  // RFC 9208
    bool highest_modseq = false;   // RFC 7162
    bool mailbox_id = false;       // RFC 8474
};

// What can be counted without a look at any message.
struct MailboxCounts {
    std::uint32_t uid_validity = 0;
    std::uint32_t uid_next = 0;
    std::uint64_t messages = 0;
    std::uint64_t unseen = 0;
    std::uint64_t last_change = 0;
    std::uint64_t last_flag_change = 0;
};

[[nodiscard]] MailboxCounts counts_of(const Mailbox& box);

// "(MESSAGES UNSEEN)"
[[nodiscard]] std::optional<StatusItems> parse_status_items(imap::Scanner& scanner);

// "* STATUS name (MESSAGES 1 ...)\r\n"
[[nodiscard]] Task<Result<std::string>> mailbox_status(Session& session, std::string name,
                                                       StatusItems items);

}  // namespace relais
