// Copies a message out of its queue file into a mailbox, a file or a command, with the headers that
// the last hop adds.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

#include "lib/deliver/delivery.h"
#include "lib/store/file_sink.h"

namespace relais {

enum class MailboxFormat {
    kPlain,  // Maildir files, commands: the message as it is
    kMbox,   // "From sender date", ">From " in the text, an empty line at the end
};

// Addresses are in the internal form.
struct MessageCopy {
    std::string sender;        // of Return-Path and the From_ line; empty: the null sender
    std::string original_to;   // X-Original-To; empty: none
    std::string delivered_to;  // Delivered-To; empty: none
    MailboxFormat format = MailboxFormat::kPlain;
    std::time_t when = 0;  // of the From_ line
};

// Errc::kSyntax: the queue file is damaged; other errors are those of writing, and say so.
[[nodiscard]] Result<void> copy_message(int queue_file, std::int64_t data_offset,
                                        const MessageCopy& copy, FileSink& to);

// The copy as a job for lib/store, while the delivery lasts.  Damage to the queue file is noted
// there.
[[nodiscard]] ContentWriter content_of(Delivery& delivery, MessageCopy copy);

// The status of a delivery into a mailbox that failed: the code says full disk, quota, or
// `otherwise`; the reason is `prefix` and the error's text.
[[nodiscard]] DeliveryStatus mailbox_failure(const Error& error, std::string_view prefix,
                                             DsnCode otherwise);

}  // namespace relais
