// What a copy of messages is to be in another mailbox: links to the same files, under new names.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/access/flag_limits.h"
#include "lib/access/user.h"
#include "lib/base/result.h"
#include "lib/store/mailbox.h"
#include "lib/store/uidlist.h"

namespace relais {

// What identifies a message wherever it is copied, as Dovecot has it: what its line in the uidlist
// says, or else its base name.
[[nodiscard]] std::string message_guid(const UidList& list, const MailMessage& message,
                                       std::string_view name);

// Puts copies of these messages into `to`, with those of their flags that are to be kept; the UIDs
// that they have there.  kNotFound: one of them is gone.
[[nodiscard]] Task<Result<std::vector<std::uint32_t>>> copy_messages(
    std::shared_ptr<OpenMailbox> from, MailboxAccess access, std::shared_ptr<OpenMailbox> to,
    std::vector<std::uint32_t> uids, FlagLimits kept = {});

// All messages of a mailbox, which keep what the uidlist says of them.
[[nodiscard]] Task<Result<void>> move_all_messages(std::shared_ptr<OpenMailbox> from,
                                                   std::shared_ptr<OpenMailbox> to);

}  // namespace relais
