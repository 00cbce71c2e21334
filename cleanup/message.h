// One message on its way through cleanup: its queue file, what has gone wrong, and what later steps
// need to know of earlier ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lib/ipc/cleanup_client.h"
#include "lib/ipc/rewrite_client.h"
#include "lib/queue/queue_file.h"
#include "lib/queue/sendopts.h"

#include "cleanup/client_attributes.h"

namespace relais::cleanup {

// What the records before an R say about it.
struct PendingRecipient {
    std::optional<std::string> original;  // O
    std::string dsn_orig_rcpt;
    int notify = 0;
};

struct EnvelopeState {
    bool has_time = false;
    QueueTime arrival;
    std::optional<std::string> sender;  // rewritten, internal form
    std::string full_name;
    RewriteContext context = RewriteContext::kLocal;
    std::string envelope_id;
    int ret_flags = 0;
    std::string encoding;  // what the client said, or the content: "7bit", "8bit"
    int trace_flags = 0;
    bool warning_placed = false;  // W is written, or came along
    PendingRecipient pending;
    bool findings_written = false;  // in the extracted segment
    ClientAttributes client;
    std::string sender_bcc;  // goes before the first recipient
    // For log lines about the content.
    std::string origin, helo, protocol;
    std::optional<std::string> logged_recipient;
};

// " from=<..> to=<..> proto=ESMTP helo=<..>", as far as it is known: what log lines about filters
// end with.
[[nodiscard]] std::string log_details(const EnvelopeState& envelope);

// What header and body checks want to be done with the message, besides what flags say.
struct ChecksAsk {
    std::string filter;            // FILTER
    std::string redirect;          // REDIRECT
    std::vector<std::string> bcc;  // BCC
};

class Message {
  public:
    Message(NewQueueFile queue_file, long size_limit)
        : file(std::move(queue_file)), size_limit_(size_limit) {}

    const std::string& id() const { return file.id(); }

    // True once nothing more is to be done with the records: the message is lost, or unwanted.
    bool skipping() const;

    // Adds records to the queue file.  Errors end up in `status`.
    void put(Rec type, std::string_view data);
    void put_attribute(std::string_view name, std::string_view value);
    // A line of text, in pieces no longer than `limit`.
    void put_text(std::string_view line, std::size_t limit, Rec last = Rec::kLine);
    // A pointer record; one to 0 leads nowhere yet.
    void put_pointer(std::int64_t to);
    // What makes a record with `size` bytes of data long enough to become a pointer.
    void put_room(Rec type, std::size_t size);

    // Logs a warning "ID: message rejected: WHY" and sets the status bit.
    void reject(unsigned bit, std::string_view why);
    // Sets the status bit, and the reason unless there is one.
    void fail(unsigned bit, std::string_view why = {});

    NewQueueFile file;
    unsigned flags = 0;   // CleanupFlag
    unsigned status = 0;  // CleanupStatus
    std::string reason;
    EnvelopeState envelope;
    ChecksAsk asked;

    bool traced = false;  // the trace service knows of the message
    std::int64_t recipient_count = 0;
    std::int64_t qmgr_flags = 0;
    int utf8 = 0;
    std::int64_t data_offset = 0;  // of the content
    std::int64_t body_offset = 0;  // of the line behind the headers
    std::int64_t xtra_offset = 0;  // of X

    // Filters may change the message: records get room for pointers (edits.h).
    bool editable = false;
    std::int64_t sender_offset = 0, after_sender = 0;
    std::int64_t recipients_end = 0, after_recipients = 0;  // the pointer there, and what follows
    std::int64_t content_length = -1;                       // of a new body with its headers
    std::string smtp_reply;  // what a filter wants the SMTP client to be told
    std::unordered_set<std::string> seen_recipients;

  private:
    bool fits(std::size_t more);
    bool has_room_for(std::size_t data_size);  // of a record
    void note_write(const Result<void>& done);

    long size_limit_;
};

}  // namespace relais::cleanup
