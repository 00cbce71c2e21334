// Recipients on their way into the queue file: rewritten, mapped, expanded, without duplicates.
#pragma once

#include <string>
#include <string_view>

#include "cleanup/message.h"
#include "cleanup/service.h"

namespace relais::cleanup {

// The envelope sender.
[[nodiscard]] Task<void> take_sender(Service& service, Message& message, std::string address);

// An R record: uses up message.envelope.pending.
[[nodiscard]] Task<void> take_recipient(Service& service, Message& message, std::string address);

// What a filter says about a recipient that it adds.
struct NewRecipientArguments {
    int notify = 0;
    std::string dsn_orig_rcpt;
};

[[nodiscard]] Task<void> take_added_recipient(Service& service, Message& message,
                                              std::string address, NewRecipientArguments arguments);

// An address that always_bcc or a bcc table adds.
[[nodiscard]] Task<void> take_bcc(Service& service, Message& message, std::string address);

}  // namespace relais::cleanup
