#include "local/forwarder.h"

#include <ctime>

#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/mail/address.h"
#include "lib/mail/date.h"
#include "lib/queue/record_reader.h"

namespace relais::local_agent {

namespace {

constexpr std::size_t kFlushAt = 65536;

void put_attribute_if(CleanupClient& mail, std::string_view name, const std::string& value) {
    if (!value.empty()) {
        mail.put_attribute(name, value);
    }
}

void put_envelope(CleanupClient& mail, const DeliveryRequest& request, const std::string& sender) {
    timeval now = time_of_day();
    mail.put(Rec::kTime, format("{} {}", now.tv_sec, now.tv_usec));
    mail.put(Rec::kSender, sender);
    if (request.ret_flags != 0) {
        mail.put_attribute("ret_flags", std::to_string(request.ret_flags));
    }
    put_attribute_if(mail, "envelope_id", request.envelope_id);
    put_attribute_if(mail, "log_client_name", request.log_client_name);
    put_attribute_if(mail, "log_client_address", request.log_client_address);
    put_attribute_if(mail, "log_protocol_name", request.log_protocol_name);
    put_attribute_if(mail, "log_helo_name", request.log_helo_name);
    put_attribute_if(mail, "sasl_method", request.sasl_method);
    put_attribute_if(mail, "sasl_username", request.sasl_username);
    put_attribute_if(mail, "sasl_sender", request.sasl_sender);
    put_attribute_if(mail, "log_ident", request.log_ident);
    put_attribute_if(mail, "rewrite_context", request.rewrite_context);
}

void put_recipient_records(CleanupClient& mail, const Recipient& recipient) {
    put_attribute_if(mail, "dsn_orig_rcpt", recipient.dsn_orig_rcpt);
    if (recipient.notify != 0) {
        mail.put_attribute("notify_flags", std::to_string(recipient.notify));
    }
    mail.put(Rec::kOrigRecipient,
             recipient.original.empty() ? recipient.address : recipient.original);
    mail.put(Rec::kRecipient, recipient.address);
}

void put_trace_headers(CleanupClient& mail, const std::string& delivered_to) {
    mail.put(Rec::kLine, format("Received: by {} ({})", conf().myhostname(), conf().mail_name()));
    mail.put(Rec::kLine,
             format("\tid {}; {}", mail.queue_id(), format_mail_date(std::time(nullptr))));
    // Where forwarding loops are seen when the mail comes back.
    mail.put(Rec::kLine, "Delivered-To: " + quote_address(delivered_to));
}

Task<Result<void>> put_content(CleanupClient* mail, const Delivery* delivery) {
    RecordReader reader(delivery->file());
    reader.seek(delivery->request.data_offset);
    for (;;) {
        auto record = reader.next();
        if (!record) {
            co_return fail_with(record);
        }
        bool text = *record && ((*record)->type == Rec::kLine || (*record)->type == Rec::kLinePart);
        if (!text) {
            co_return Result<void>();
        }
        mail->put((*record)->type, (*record)->data);
        if (mail->unsent() > kFlushAt) {
            auto flushed = co_await mail->flush();
            if (!flushed) {
                co_return flushed;
            }
        }
    }
}

}  // namespace

void Forwarder::add(const Address& address) {
    messages_[address.sender].push_back(address.recipient);
}

Task<Result<std::string>> Forwarder::post(std::string sender,
                                          const std::vector<Recipient>* recipients) {
    auto mail =
        co_await CleanupClient::open("public/" + conf().cleanup_service_name(),
                                     kCleanupBounce | kCleanupInternal, conf().ipc_timeout());
    if (!mail) {
        co_return fail_with(mail);
    }
    put_envelope(**mail, delivery_->request, sender);
    for (const Recipient& recipient : *recipients) {
        put_recipient_records(**mail, recipient);
    }
    (*mail)->put(Rec::kContent, "");
    put_trace_headers(**mail, delivered_to_);
    auto copied = co_await put_content(mail->get(), delivery_);
    if (!copied) {
        co_return fail_with(copied);
    }
    (*mail)->put(Rec::kExtracted, "");
    (*mail)->put(Rec::kEnd, "");
    auto reply = co_await (*mail)->finish();
    if (!reply) {
        co_return fail_with(reply);
    }
    if (!reply->ok()) {
        co_return fail(Errc::kTemporary, "message was not accepted by the cleanup service");
    }
    co_return (*mail)->queue_id();
}

Task<Disposition> Forwarder::finish(Recipient top) {
    Disposition outcome = Disposition::kDone;
    for (const auto& [sender, recipients] : messages_) {
        auto posted = co_await post(sender, &recipients);
        DeliveryEvent event = delivery_->event(top, {}, "local");
        Disposition one;
        if (posted) {
            event.status = DeliveryStatus::of(DsnCode(2, 0, 0), "forwarded as " + *posted);
            one = co_await report_sent(std::move(event));
        } else {
            event.status = DeliveryStatus::of(DsnCode(4, 3, 0), "unable to forward message");
            one = co_await report_deferred(std::move(event));
        }
        if (one == Disposition::kDeferred) {
            outcome = Disposition::kDeferred;
        }
    }
    co_return outcome;
}

}  // namespace relais::local_agent
