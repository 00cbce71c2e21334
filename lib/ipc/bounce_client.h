// Requests to bounce(8), which serves as bounce, defer and trace: it keeps a log of recipients for
// each message and turns it into delivery status notifications.  One request for a connection.
//
// Delivery agents do not call this: lib/deliver/outcome.h knows which service to tell what.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/task.h"
#include "lib/ipc/recipient.h"

namespace relais {

inline constexpr std::string_view kBounceProtocol = "delivery_status_protocol";

enum class BounceOp : int {
    kAppend = 0,  // add a recipient to the log
    kFlush = 1,   // tell the sender and remove the log
    kWarn = 2,    // tell the sender of the delay and keep the log
    kVerp = 3,    // kFlush with one notification for each recipient, to a VERP sender
    kOne = 4,     // tell the sender of this recipient, without a log
    kTrace = 5,   // report on deliveries (DSN SUCCESS, sendmail -v and -bv)
};

// Bits of BounceRequest::flags, beside the trace bits of DeliveryFlag.
enum BounceFlag : int {
    kBounceClean = 1,     // remove the log when the request fails
    kBounceMarkDone = 2,  // mark the logged recipients done once the sender is told
};

struct BounceRequest {
    BounceOp op = BounceOp::kAppend;
    int flags = 0;
    std::string queue_id;
    // Every operation but kAppend: the message.
    std::string queue_name;
    std::string encoding;  // "7bit", "8bit" or empty
    int sendopts = 0;
    std::string sender;
    std::string envelope_id;
    int ret_flags = 0;
    // kVerp
    std::string verp_delimiters;
    // kAppend and kOne
    Recipient recipient;
    DeliveryStatus status;
};

[[nodiscard]] std::string encode_bounce_request(const BounceRequest& request);
// kCorrupt says what is wrong with the list.
[[nodiscard]] Result<BounceRequest> decode_bounce_request(const Attributes& attributes);

// `service` is bounce_service_name, defer_service_name or trace_service_name.  An error where the
// service is not there or did not do it.
[[nodiscard]] Task<Result<void>> send_bounce_request(std::string service, BounceRequest request,
                                                     std::chrono::milliseconds timeout);

}  // namespace relais
