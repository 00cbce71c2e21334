#include "lib/deliver/outcome.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/deliver/log_line.h"
#include "lib/deliver/status_filter.h"
#include "lib/ipc/bounce_client.h"
#include "lib/ipc/flush_client.h"
#include "lib/ipc/verify_client.h"
#include "lib/mail/address.h"
#include "lib/maps/match_list.h"

namespace relais {

namespace {

void log_outcome(const DeliveryEvent& event, std::string_view word) {
    LogLineStyle style;
    style.resolution_digits = conf().delay_logging_resolution_limit();
    style.utf8 = utf8_mode();
    style.quoted = conf().info_log_address_format() == "external";
    std::string line = delivery_log_line(event, word, time_of_day(), style);
    log_line(Severity::kInfo, line);
}

// Postfix's rule for agents that hand in a status of the wrong class.
void require_class(DeliveryStatus& status, int klass, std::string_view function) {
    auto code = DsnCode::parse(status.status);
    if (!code || code->klass() != klass) {
        log_warning("{}: ignoring dsn code \"{}\"", function, status.status);
        status.status = DsnCode(klass, 0, 0).to_string();
    }
}

BounceRequest append_request(const DeliveryEvent& event) {
    BounceRequest request;
    request.flags = event.flags & kDeliveryTrace;
    request.queue_id = event.queue_id;
    request.recipient = event.recipient;
    request.status = event.status;
    return request;
}

// Adds the recipient to a log.  A service that fails is logged with the caller's words.
Task<bool> append_to(const std::string* service, const DeliveryEvent* event) {
    BounceRequest request = append_request(*event);
    auto sent = co_await send_bounce_request(*service, std::move(request), conf().ipc_timeout());
    if (!sent) {
        log_warning("{}", sent.error().message);
    }
    co_return sent.has_value();
}

// The trace log says through whom a recipient was delivered.
Task<bool> append_to_trace(DeliveryEvent event) {
    if (event.relay != kNoRelay) {
        event.status.reason = format("delivery via {}: {}", event.relay, event.status.reason);
    }
    std::string service = conf().trace_service_name();
    co_return co_await append_to(&service, &event);
}

Task<bool> trace_if(bool wanted, const DeliveryEvent* event) {
    if (!wanted) {
        co_return true;
    }
    co_return co_await append_to_trace(*event);
}

// sendmail -bv: the outcome goes to the trace log and nowhere else.
Task<Disposition> report_trace(DeliveryEvent event) {
    bool traced = co_await append_to_trace(event);
    if (!traced) {
        log_warning("{}: {} service failure", event.queue_id, conf().trace_service_name());
        co_return Disposition::kDeferred;
    }
    log_outcome(event, event.status.action);
    co_return Disposition::kDone;
}

Task<bool> update_verify(const DeliveryEvent* event, AddressStatus status) {
    const Recipient& rcpt = event->recipient;
    std::string service = conf().address_verify_service_name();
    std::string first = rcpt.original.empty() ? rcpt.address : rcpt.original;
    auto sent = co_await send_verify_update(service, first, status, event->status.reason,
                                            conf().ipc_timeout());
    // Both forms of the address are asked for later.
    if (sent && first != rcpt.address) {
        sent = co_await send_verify_update(service, rcpt.address, status, event->status.reason,
                                           conf().ipc_timeout());
    }
    co_return sent.has_value();
}

Task<Disposition> report_probe(DeliveryEvent event, AddressStatus status) {
    if (status != AddressStatus::kDeliverable && !conf().address_verify_negative_cache()) {
        log_outcome(event, "undeliverable-but-not-cached");
        co_return Disposition::kDone;
    }
    bool updated = co_await update_verify(&event, status);
    if (!updated) {
        log_warning("{}: {} service failure", event.queue_id, conf().address_verify_service_name());
        co_return Disposition::kDeferred;
    }
    log_outcome(event, event.status.action);
    co_return Disposition::kDone;
}

Task<Disposition> defer(DeliveryEvent event);

Task<Disposition> defer_for_trouble(DeliveryEvent event, std::string reason) {
    event.status.status = "4.3.0";
    event.status.reason = std::move(reason);
    co_return co_await defer(std::move(event));
}

bool wants_trace(const DeliveryEvent& event) {
    return (event.flags & (kRecordDelivery | kReportSentLater)) != 0 ||
           (event.recipient.notify & kNotifySuccess) != 0;
}

// Under soft_bounce the failure is logged, and told to the defer service, as a delay.
void soften(DeliveryEvent& event) {
    event.status.status = event.status.code().with_class(4).to_string();
    event.status.action = "delayed";
}

}  // namespace

Task<Disposition> report_sent(DeliveryEvent event) {
    require_class(event.status, 2, "sent");
    co_await filter_status(&event.status);
    if ((event.flags & (kVerifyAddress | kVerifyForUser)) != 0) {
        event.status.action = "deliverable";
        bool probe = (event.flags & kVerifyAddress) != 0;
        if (probe) {
            co_return co_await report_probe(std::move(event), AddressStatus::kDeliverable);
        }
        co_return co_await report_trace(std::move(event));
    }
    if (event.status.action.empty()) {
        event.status.action = "delivered";
    }
    bool traced = co_await trace_if(wants_trace(event), &event);
    if (traced) {
        log_outcome(event, "sent");
        co_return Disposition::kDone;
    }
    std::string why = format("{}: {} service failed", event.queue_id, conf().trace_service_name());
    co_return co_await defer_for_trouble(std::move(event), std::move(why));
}

namespace {

Task<Disposition> bounce(DeliveryEvent event) {
    if ((event.flags & (kVerifyAddress | kVerifyForUser)) != 0) {
        event.status.action = "undeliverable";
        bool probe = (event.flags & kVerifyAddress) != 0;
        if (probe) {
            co_return co_await report_probe(std::move(event), AddressStatus::kUndeliverable);
        }
        co_return co_await report_trace(std::move(event));
    }
    bool soft = conf().soft_bounce();
    event.status.action = "failed";
    if (soft) {
        soften(event);
    }
    std::string service = soft ? conf().defer_service_name() : conf().bounce_service_name();
    bool recorded = co_await append_to(&service, &event);
    bool traced = recorded && co_await trace_if((event.flags & kRecordDelivery) != 0, &event);
    if (traced) {
        log_outcome(event, soft ? "SOFTBOUNCE" : "bounced");
        co_return soft ? Disposition::kDeferred : Disposition::kDone;
    }
    std::string why = format("{} or {} service failure", conf().bounce_service_name(),
                             conf().trace_service_name());
    co_return co_await defer_for_trouble(std::move(event), std::move(why));
}

// Deferred mail for the domains of fast_flush_domains can be asked for by domain.
Task<void> note_for_flush(const DeliveryEvent* event) {
    static const MatchList domains("fast_flush_domains", conf().fast_flush_domains(),
                                   MatchList::Kind::kDomain, parent_style("fast_flush_domains"));
    AddressParts parts = split_address(event->recipient.address);
    if (domains.empty() || parts.domain.empty()) {
        co_return;
    }
    std::string domain(parts.domain);
    Match listed = co_await domains.match(domain);
    if (listed == Match::kNo) {
        co_return;
    }
    auto noted = co_await flush_add(domain, event->queue_id);
    if (!noted) {
        log_warning("{}: {}", event->queue_id, noted.error().message);
    }
}

Task<Disposition> defer(DeliveryEvent event) {
    if ((event.flags & (kVerifyAddress | kVerifyForUser)) != 0) {
        event.status.action = "undeliverable";
        bool probe = (event.flags & kVerifyAddress) != 0;
        if (probe) {
            co_return co_await report_probe(std::move(event), AddressStatus::kDeferred);
        }
        co_return co_await report_trace(std::move(event));
    }
    event.status.action = "delayed";
    std::string service = conf().defer_service_name();
    bool recorded = co_await append_to(&service, &event);
    if (!recorded) {  // the message is tried again all the same
        log_warning("{}: {} service failure", event.queue_id, service);
    }
    log_outcome(event, "deferred");
    bool traced = co_await trace_if((event.flags & kRecordDelivery) != 0, &event);
    if (!traced) {
        log_warning("{}: {} service failure", event.queue_id, conf().trace_service_name());
    }
    co_await note_for_flush(&event);
    co_return Disposition::kDeferred;
}

// A filter may have made a delay of a bounce, and a bounce of a delay.
Task<Disposition> filter_failure(DeliveryEvent event) {
    co_await filter_status(&event.status);
    if (event.status.code().transient()) {
        co_return co_await defer(std::move(event));
    }
    co_return co_await bounce(std::move(event));
}

}  // namespace

Task<Disposition> report_bounced(DeliveryEvent event) {
    require_class(event.status, 5, "bounce_append");
    co_return co_await filter_failure(std::move(event));
}

Task<Disposition> report_deferred(DeliveryEvent event) {
    require_class(event.status, 4, "defer_append");
    co_return co_await filter_failure(std::move(event));
}

Task<Disposition> report_failed(DeliveryEvent event) {
    if (event.status.status.starts_with('5')) {
        co_return co_await report_bounced(std::move(event));
    }
    co_return co_await report_deferred(std::move(event));
}

Task<void> report_traced(DeliveryEvent event) {
    bool traced = co_await append_to_trace(event);
    if (!traced) {
        log_warning("{}: {} service failure", event.queue_id, conf().trace_service_name());
    }
}

static BounceRequest one_request(const DeliveryEvent& event, const BounceMessage& message) {
    BounceRequest request = append_request(event);
    request.op = BounceOp::kOne;
    request.queue_name = message.queue_name;
    request.encoding = message.encoding;
    request.sendopts = message.sendopts;
    request.sender = message.sender;
    request.envelope_id = message.envelope_id;
    request.ret_flags = message.ret_flags;
    return request;
}

Task<Disposition> report_bounced_to(DeliveryEvent event, BounceMessage message) {
    require_class(event.status, 5, "bounce_one");
    co_await filter_status(&event.status);
    if (event.status.code().transient()) {
        co_return co_await defer(std::move(event));
    }
    bool ordinary = (event.flags & (kVerifyAddress | kVerifyForUser)) != 0 || conf().soft_bounce();
    if (ordinary) {
        co_return co_await bounce(std::move(event));
    }
    event.status.action = "failed";
    BounceRequest request = one_request(event, message);
    auto sent = co_await send_bounce_request(conf().bounce_service_name(), std::move(request),
                                             conf().ipc_timeout());
    bool traced =
        sent.has_value() && co_await trace_if((event.flags & kRecordDelivery) != 0, &event);
    if (traced) {
        log_outcome(event, "bounced");
        co_return Disposition::kDone;
    }
    std::string why = format("{} or {} service failure", conf().bounce_service_name(),
                             conf().trace_service_name());
    co_return co_await defer_for_trouble(std::move(event), std::move(why));
}

}  // namespace relais
