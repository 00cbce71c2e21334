// What became of a recipient, told to whom it concerns: the log, the bounce, defer and trace
// services, and the verify service for probes.  Every delivery agent ends each recipient here, and
// the queue manager those that it disposes of itself.
#pragma once

#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/ipc/delivery_request.h"
#include "lib/ipc/recipient.h"

namespace relais {

// DeliveryEvent::relay of a recipient that nobody tried to deliver.
inline constexpr std::string_view kNoRelay = "none";

// One recipient's outcome and what the log line says of it.
struct DeliveryEvent {
    int flags = 0;  // the trace bits of DeliveryFlag
    std::string queue_id;
    DeliveryTimes times;
    Recipient recipient;
    std::string relay;  // "local", "mx.example.com[192.0.2.1]:25", "none"
    DeliveryStatus status;
    std::string tls = {};  // smtp_log_tls_feature_status; empty: not told
};

// kDone: nothing is left to do for the recipient, and its record may be marked done.
enum class Disposition { kDone, kDeferred };

// status.status must be of class 2, 5 and 4; another is replaced with a warning.
//
// A bounce becomes a deferral under soft_bounce, and where the bounce service does not take it.  A
// delivery that cannot be traced as asked is deferred too, as it is with Postfix: then the mail
// comes twice.
[[nodiscard]] Task<Disposition> report_sent(DeliveryEvent event);
[[nodiscard]] Task<Disposition> report_bounced(DeliveryEvent event);
[[nodiscard]] Task<Disposition> report_deferred(DeliveryEvent event);

// report_bounced or report_deferred, by the class of the status.
[[nodiscard]] Task<Disposition> report_failed(DeliveryEvent event);

// Adds the event to the trace log and does nothing else: what the sender asked to be told.
[[nodiscard]] Task<void> report_traced(DeliveryEvent event);

// Tells one other sender than the message's (an owner- alias) that a recipient failed.
struct BounceMessage {
    std::string queue_name;
    std::string encoding;
    int sendopts = 0;
    std::string sender;
    std::string envelope_id;
    int ret_flags = 0;
};

[[nodiscard]] Task<Disposition> report_bounced_to(DeliveryEvent event, BounceMessage message);

}  // namespace relais
