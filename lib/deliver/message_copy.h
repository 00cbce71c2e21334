// Copies a message out of its queue file into a mailbox, a file or a command, with the headers that
// the last hop adds.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

#include "lib/deliver/delivery.h"
#include "lib/queue/record_reader.h"
#include "lib/store/file_sink.h"

namespace relais {

enum class MailboxFormat {
    kPlain,     // Maildir files: the message as it is
    kFromLine,  // commands: "From sender date" before it
    kMbox,      // and ">From " in the text, and an empty line at the end
};

// Addresses are in the internal form.
struct MessageCopy {
    std::string sender;        // of Return-Path and the From_ line; empty: the null sender
    std::string original_to;   // X-Original-To; empty: none
    std::string delivered_to;  // Delivered-To; empty: none
    MailboxFormat format = MailboxFormat::kPlain;
    std::time_t when = 0;  // of the From_ line
};

// The bytes of the copy, a portion at a time.
class MessageStream {
  public:
    MessageStream(int queue_file, std::int64_t data_offset, MessageCopy copy);

    // Appends the next portion, some ten kilobytes; false when that was all.  Errc::kSyntax: the
    // queue file is damaged.
    [[nodiscard]] Result<bool> read(std::string& out);

  private:
    void put_head(std::string& out) const;
    void put_line(const ContentReader::Line& line, std::string& out);

    ContentReader reader_;
    MessageCopy copy_;
    bool started_ = false;
    bool at_line_start_ = true;
};

// The copy as a job for lib/store, while the delivery lasts.  Damage to the queue file is noted
// there.
[[nodiscard]] ContentWriter content_of(Delivery& delivery, MessageCopy copy);

// The status of a delivery into a mailbox that failed: the code says full disk, quota, or
// `otherwise`; the reason is `prefix` and the error's text.
[[nodiscard]] DeliveryStatus mailbox_failure(const Error& error, std::string_view prefix,
                                             DsnCode otherwise);

}  // namespace relais
