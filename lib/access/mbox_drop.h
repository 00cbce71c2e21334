// A message that strangers have sent, on its way into an mbox file: with a From_ line, lines that
// begin with "From " quoted as local(8) quotes them, and without the header fields in which the
// mailbox server keeps its own notes.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/store/mail_message.h"

namespace relais {

// Appended under the locks of local(8), and synced.  `message` begins with its Return-Path: field,
// and is borrowed.  Blocks.  Errors as those of deliver_mbox().
[[nodiscard]] Result<void> drop_into_mbox(const MailboxPlace& place, int message,
                                          std::uint64_t size);

}  // namespace relais
