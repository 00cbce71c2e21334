// A message in the active queue: its envelope, what is still under way, and how it ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/ipc/delivery_request.h"
#include "lib/queue/envelope.h"
#include "lib/queue/queue_dirs.h"

namespace relais::qmgr {

struct Message {
    std::string id;
    MessageEnvelope envelope;
    DeliveryTimes times;
    mode_t mode = 0;             // mode bits of the queue file
    int pending_recipients = 0;  // handed to transports, outcome unknown
    int unread_recipients = 0;   // still in the file only, about
    bool deferred = false;       // some recipient must be tried again
    bool corrupt = false;        // an agent said so
    bool reading_more = false;
    std::chrono::steady_clock::time_point last_read;  // of recipients
    int refill_limit = 1;                             // read so many at once,
    std::chrono::seconds refill_delay{0};             // or what there is room for after this time
    bool utf8_recipients = false;                     // one that was routed is not ASCII
    bool all_transports = false;  // asked for by name or by a flush: defer_transports does not hold
    bool probe_too_many = false;  // address_verify_pending_request_limit is passed
    bool flush_each = false;      // the file has the unthrottle bit: dead sites are tried again
};

using MessagePtr = std::shared_ptr<Message>;

// A probe of the verify service: nothing is delivered.
[[nodiscard]] inline bool is_probe(const Message& message) {
    return (message.envelope.trace_flags & kVerifyAddress) != 0;
}

// Recipients of one message that go in one delivery request.
struct Entry {
    MessagePtr message;
    std::vector<Recipient> recipients;
};

// The request for these recipients over this next hop.
[[nodiscard]] DeliveryRequest make_request(const Entry& entry, const std::string& nexthop);

// The sender address that names the recipient (VERP): `local-rcpt=domain@sender.domain`.
[[nodiscard]] std::string verp_sender(const std::string& delimiters, const std::string& sender,
                                      const std::string& recipient);

}  // namespace relais::qmgr
