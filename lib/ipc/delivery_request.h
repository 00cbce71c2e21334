// Delivery requests: what the queue manager (or an agent that passes a recipient on) asks of a
// delivery agent, and the agent's reply.  The agent speaks first, with kDeliveryAgent.protocol.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/time.h>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/ipc/recipient.h"

namespace relais {

inline constexpr std::string_view kDeliveryProtocol = "delivery_request_protocol";

// Bits of DeliveryRequest::flags.
enum DeliveryFlag : int {
    kMarkOnSuccess = 1,       // mark recipients done in the queue file: delivered
    kMarkOnBounce = 2,        // and returned
    kVerifyAddress = 256,     // a probe of the verify service: nothing is delivered
    kVerifyForUser = 512,     // sendmail -bv: report to the trace service, nothing is delivered
    kRecordDelivery = 1024,   // sendmail -v: deliver and report
    kLoadConnection = 2048,   // use connections that scache keeps
    kStoreConnection = 4096,  // leave connections to scache
    kReportSentLater = 8192,  // delivered after a delay warning: the sender is told
    kDeliveryDefault = 3,
    kDeliveryTrace = 256 | 512 | 1024 | 8192,
};

// When a message passed its stations.  A time that is not known yet is zero.  On the wire it is
// this structure's memory (88 bytes on 64-bit Linux), as Postfix has it.
struct DeliveryTimes {
    timeval incoming_arrival{};
    timeval active_arrival{};
    timeval agent_handoff{};
    timeval connection_done{};
    timeval delivery_done{};
    int reuse_count = 0;
};

[[nodiscard]] timeval time_of_day();

struct DeliveryRequest {
    int flags = kDeliveryDefault;
    std::string queue_name;  // "active"
    std::string queue_id;
    std::int64_t data_offset = 0;  // of the first content record
    std::int64_t data_size = 0;
    std::string nexthop;
    std::string encoding;  // "7bit", "8bit" or empty
    int sendopts = 0;      // SMTPUTF8: 1 requested, 2 in headers, 4 in sender, 8 in recipients
    std::string sender;
    std::string envelope_id;
    int ret_flags = 0;
    DeliveryTimes times;
    std::string log_client_name;
    std::string log_client_address;
    std::string log_client_port;
    std::string log_protocol_name;
    std::string log_helo_name;
    std::string sasl_method;
    std::string sasl_username;
    std::string sasl_sender;
    std::string log_ident;
    std::string rewrite_context;  // "local" or "remote"
    std::vector<Recipient> recipients;
};

// All lists of a request.
[[nodiscard]] std::string encode_delivery_request(const DeliveryRequest& request);

// The request that a client sends after the announcement.  kClosed: it hung up without one.
// Requests without recipients are malformed.
[[nodiscard]] Task<Result<DeliveryRequest>> read_delivery_request(Stream* stream);

// The agent's last word.  `hop` is set only for trouble that concerns the whole transport or
// destination; each recipient's own outcome goes to the bounce, defer, trace and verify services.
struct DeliveryReply {
    DeliveryStatus hop;
    int status = 0;  // 0: nothing is left to do; else: something was deferred
};

[[nodiscard]] std::string encode_delivery_reply(const DeliveryReply& reply);
[[nodiscard]] Task<Result<DeliveryReply>> read_delivery_reply(Stream* stream);

}  // namespace relais
