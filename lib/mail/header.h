// Message headers: what is one, which ones the mail system knows, and how they are folded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

// The length of the name if `line` begins like a header: a name of printable characters without
// blanks or ":", optional blanks, and ":".  The blanks and the colon do not count.  0: no header.
[[nodiscard]] std::size_t header_name_length(std::string_view line);

[[nodiscard]] inline bool is_header(std::string_view line) {
    return header_name_length(line) != 0;
}

// The body of a header whose line begins with a name: what follows the colon, without the blanks
// that lead it.
[[nodiscard]] std::string_view header_body(std::string_view header);

enum class HeaderId : std::uint8_t {
    kOther,  // not in the table
    kApparentlyTo,
    kBcc,
    kCc,
    kContentDescription,
    kContentDisposition,
    kContentId,
    kContentLength,
    kContentTransferEncoding,
    kContentType,
    kDate,
    kDeliveredTo,
    kDispositionNotificationTo,
    kDsnId,
    kErrorsTo,
    kFrom,
    kMailFollowupTo,
    kMessageId,
    kMimeVersion,
    kReceived,
    kRequireTlsEsmtp,
    kReplyTo,
    kResentBcc,
    kResentCc,
    kResentDate,
    kResentFrom,
    kResentMessageId,
    kResentReplyTo,
    kResentSender,
    kResentTo,
    kReturnPath,
    kReturnReceiptTo,
    kSender,
    kTlsRequired,
    kTo,
    kXMailer,
};

// What is done with a header, as a set of bits.
enum HeaderTraits : unsigned {
    kHeaderSender = 1,     // holds sender addresses, rewritten as such
    kHeaderRecipient = 2,  // holds recipient addresses, rewritten as such
    kHeaderExtract = 4,    // its recipients count with `sendmail -t`
    kHeaderResent = 8,     // one of the Resent- block
    kHeaderMime = 16,      // part of the MIME structure
};

struct HeaderInfo {
    std::string_view name;  // in its usual spelling
    HeaderId id = HeaderId::kOther;
    unsigned traits = 0;
};

// The table's entry for a header line (or a bare name); null for one that is not in the table.
[[nodiscard]] const HeaderInfo* find_header(std::string_view header);
[[nodiscard]] const HeaderInfo& header_info(HeaderId id);

// Joins lines ("\n" between them, e.g. one address on each) where the result stays short, and
// begins each further line with a tab: what a rewritten header looks like.
[[nodiscard]] std::string fold_header(std::string_view lines);

}  // namespace relais
