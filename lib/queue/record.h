// Records: the unit of queue files and of the streams that carry messages to cleanup and postdrop.
// A record is one type byte, a length of 1 to 5 bytes (7 bits each, low bits first, 0x80 = more),
// and the data.  Text carries no newline.  Encoding and decoding work on buffers; files are read
// with record_reader.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

// The type bytes.  A file may hold any byte here: look before use.
enum class Rec : char {
    kSize = 'C',           // message size and counts, first record of a queue file
    kTime = 'T',           // arrival time
    kCreateTime = 'c',     // legacy
    kFullName = 'F',       // full name of the local sender
    kInspector = 'I',      // obsolete
    kFilter = 'L',         // content filter; in the content: a part of a line
    kLinePart = 'L',       // the same letter
    kSender = 'S',         //
    kRecipient = 'R',      //
    kDone = 'D',           // a recipient that needs no more delivery
    kCanceled = '/',       // a recipient deleted by a milter
    kOrigRecipient = 'O',  // stands before its R
    kWarnTime = 'W',       // when to send a delay warning; -1: sent
    kAttribute = 'A',      // name=value
    kKilled = 'K',         // a record that was struck out
    kRedirect = '>',       //
    kFlags = 'f',          // cleanup flags (on sockets only)
    kDelay = 'd',          // on sockets only
    kMilters = 'm',        // on sockets only
    kContent = 'M',        // end of the envelope
    kLine = 'N',           // one line, or the last part of one
    kPadding = 'w',        //
    kExtracted = 'X',      // end of the content
    kReturnReceipt = 'r',  // legacy
    kErrorsTo = 'e',       // legacy
    kPriority = 'P',       // legacy
    kPointer = 'p',        // continue at another offset; 0: here
    kVerp = 'V',           // VERP delimiters
    kDsnRet = '<',         // legacy form of attributes
    kDsnEnvid = 'i',       //
    kDsnOrigRecipient = 'o',
    kDsnNotify = 'n',
    kEnd = 'E',  // end of the message
};

constexpr char rec_char(Rec type) {
    return static_cast<char>(type);
}

// The name that postcat prints: "message_size".  "unknown_record_type" for other bytes.
[[nodiscard]] std::string_view rec_name(Rec type);

struct Record {
    Rec type = Rec::kEnd;
    std::string_view data;
};

void append_record(std::string& out, Rec type, std::string_view data);
// An `A` record of name=value.
void append_attribute(std::string& out, std::string_view name, std::string_view value);
// A padding record of `total` bytes (at least 3), type byte and length included.
void append_padding(std::string& out, Rec type, std::size_t total);
// A pointer record: always 17 bytes, so that it can be overwritten with another.
void append_pointer(std::string& out, std::int64_t offset);

// Bytes that the type and the length of a record with this much data take.
[[nodiscard]] std::size_t record_overhead(std::size_t data_size);

enum class Decoded { kRecord, kNeedMore, kBad };

struct DecodeResult {
    Decoded status = Decoded::kNeedMore;
    Record record;         // a view into the buffer
    std::size_t used = 0;  // bytes of the buffer that the record took; kBad: the length it claims
};

// Takes one record from the front of `buffer`.  kNeedMore while it is cut short, kBad for a length
// that does not fit 32 bits or exceeds `max_data`.
[[nodiscard]] DecodeResult decode_record(std::string_view buffer, std::size_t max_data);

struct NameValue {
    std::string_view name;
    std::string_view value;
};

// name=value of an attribute record: blanks around both are dropped.  Nothing where the name is
// missing; an empty value is a value.
[[nodiscard]] std::optional<NameValue> split_attribute(std::string_view data);

// The record type that an attribute of this name stands for (dsn_orig_rcpt: kDsnOrigRecipient,
// ...).
[[nodiscard]] std::optional<Rec> attribute_alias(std::string_view name);

// The size record: six numbers in fixed columns, so that it can be rewritten in place.
struct SizeRecord {
    std::int64_t size = 0;         // bytes from the content to X, records included
    std::int64_t data_offset = 0;  // of the first content record
    std::int64_t recipients = 0;   // as written, never decremented
    std::int64_t qmgr_flags = 0;   // kMixedRecipients ...
    std::int64_t content_length = 0;
    std::int64_t sendopts = 0;  // SMTPUTF8: 1 requested, 2 in headers, 4 in sender ...
};

inline constexpr std::int64_t kMixedRecipients = 1;  // recipients mixed with other records
inline constexpr std::size_t kSizeRecordLength = 95;

[[nodiscard]] std::string format_size_record(const SizeRecord& size);
// Three numbers or more; content_length defaults to size.
[[nodiscard]] Result<SizeRecord> parse_size_record(std::string_view data);

}  // namespace relais
