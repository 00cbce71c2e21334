// Copies a message out of its queue file into a mailbox, a file or a command, with the headers that
// the last hop adds.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "lib/deliver/delivery.h"
#include "lib/queue/record_reader.h"
#include "lib/store/file_sink.h"

namespace relais {

// What is added to a message, as bits of MessageCopy::additions.
namespace copy_addition {
inline constexpr unsigned kFromLine = 1;    // "From sender date" before it
inline constexpr unsigned kReturnPath = 2;  // a header with the sender
inline constexpr unsigned kQuoteFrom = 4;   // ">" before lines that begin with "From "
inline constexpr unsigned kQuoteDot = 8;    // "." before lines that begin with it
inline constexpr unsigned kEmptyLine = 16;  // an empty line at the end

inline constexpr unsigned kMaildir = kReturnPath;
inline constexpr unsigned kCommand = kReturnPath | kFromLine;
inline constexpr unsigned kMbox = kCommand | kQuoteFrom | kEmptyLine;
}  // namespace copy_addition

// Addresses are in the internal form.
struct MessageCopy {
    std::string sender;        // of Return-Path and the From_ line; empty: the null sender
    std::string original_to;   // X-Original-To; empty: none
    std::string delivered_to;  // Delivered-To; empty: none
    unsigned additions = copy_addition::kMaildir;
    std::string end_of_line = "\n";
    std::time_t when = 0;  // of the From_ line
};

// The headers that the last hop adds, as far as the copy has them: Return-Path, X-Original-To and
// Delivered-To.
[[nodiscard]] std::string last_hop_headers(const MessageCopy& copy);

// The bytes of the copy, a portion at a time.
class MessageStream {
  public:
    MessageStream(int queue_file, std::int64_t data_offset, MessageCopy copy);

    // Appends the next portion, some ten kilobytes; false when that was all.  Errc::kSyntax: the
    // queue file is damaged.
    [[nodiscard]] Result<bool> read(std::string& out);

  private:
    bool has(unsigned addition) const { return (copy_.additions & addition) != 0; }

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

// Copies for several recipients of one message, which differ in the headers of the last hop only:
// what follows them is read once, where it is small enough to be kept.
class SharedCopy {
  public:
    // `additions` as in MessageCopy.  The delivery outlives this.
    SharedCopy(Delivery& delivery, unsigned additions);

    // As content_of().  For as long as this lives; `copy` has the same additions, and no From_
    // line.
    [[nodiscard]] ContentWriter content_for(MessageCopy copy) const;

  private:
    Delivery& delivery_;
    std::optional<std::string> rest_;
};

// The status of a delivery into a mailbox that failed: the code says full disk, quota, or
// `otherwise`; the reason is `prefix` and the error's text.
[[nodiscard]] DeliveryStatus mailbox_failure(const Error& error, std::string_view prefix,
                                             DsnCode otherwise);

}  // namespace relais
