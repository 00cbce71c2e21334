// The envelope of a queued message: what qmgr needs to deliver it, and what showq, bounce and
// flush need to know of it.  Read from the envelope and extracted segments of a queue file;
// recipients in portions, so that a message with very many of them never sits in memory whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/queue/queue_id.h"
#include "lib/queue/record.h"

namespace relais {

struct QueuedRecipient {
    std::string address;        // rewritten, internal form
    std::string original;       // as it came
    std::string dsn_orig_rcpt;  // "rfc822;user@example" or empty
    std::int64_t offset = 0;    // of its record, for mark_recipient_done
    int notify = 0;             // DSN NOTIFY bits: 1 never, 2 success, 4 failure, 8 delay
};

struct MessageEnvelope {
    SizeRecord size;
    QueueTime arrival;
    std::int64_t create_time = 0;
    std::string sender;
    std::string full_name;
    std::string content_filter;     // "transport:nexthop"
    std::string redirect;           // deliver to this address instead
    std::string inspector;          //
    std::string encoding;           // "7bit", "8bit" or empty
    std::string rewrite_context;    // "local" unless told
    std::string verp_delimiters;    // 2 characters, or empty
    std::string envelope_id;        // DSN ENVID
    int ret_flags = 0;              // DSN RET: 1 full, 2 headers
    int trace_flags = 0;            //
    std::int64_t trace_offset = 0;  // of the trace_flags record, for kill_record
    std::int64_t warn_time = 0;     // 0: no warning; -1: sent
    std::int64_t warn_offset = 0;   // of the W record, for rewrite_warning_time
    std::vector<std::pair<std::string, std::string>> attributes;  // all others, in their order
    std::vector<QueuedRecipient> recipients;                      // those still to be delivered

    // Where read_more_recipients continues; 0: all recipients have been read.
    std::int64_t resume_offset = 0;
    bool resume_extracted = false;  // that offset is in the extracted segment

    // The first attribute of that name; "" where there is none.
    std::string_view attribute(std::string_view name) const;
    // log_client_name and its kin ("client_name"): the logging form, or in files without any
    // logging attribute the plain one.
    std::string_view log_attribute(std::string_view name) const;
};

// kAddresses: only the sizes, the time of arrival, the sender, and the recipients' addresses.
enum class EnvelopeDetail { kAll, kAddresses };

struct EnvelopeLimits {
    std::size_t recipients = 20000;  // per read
    std::size_t attributes = 100;    // queue_file_attribute_count_limit
    EnvelopeDetail detail = EnvelopeDetail::kAll;
};

// Reads the envelope from the start.  kCorrupt: the file is damaged and belongs in corrupt/.
// Recipients beyond the limit wait for read_more_recipients.
[[nodiscard]] Result<MessageEnvelope> read_envelope(int fd, const EnvelopeLimits& limits);

// Replaces message.recipients by the next portion.  Uses and moves message.resume_offset.
[[nodiscard]] Result<void> read_more_recipients(int fd, MessageEnvelope& message,
                                                const EnvelopeLimits& limits);

// The same on bytes in memory.
[[nodiscard]] Result<MessageEnvelope> parse_envelope(std::string_view file,
                                                     const EnvelopeLimits& limits);

}  // namespace relais
