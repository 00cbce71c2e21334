// Mail that is sent on: the recipients gather while the expansion goes on, and at its end one new
// message goes into the queue for each sender.
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/ipc/mail_source.h"
#include "lib/mail/address.h"
#include "lib/mail/date.h"
#include "lib/queue/sendopts.h"

#include "local/expansion.h"

namespace relais::local_agent {

namespace {

constexpr std::size_t kMuch = 65536;

void put_given(CleanupClient& to, std::string_view name, std::string_view value) {
    if (!value.empty()) {
        to.put_attribute(name, value);
    }
}

}  // namespace

Task<Disposition> Expansion::deliver_indirect(Branch branch) {
    if (seen("indirect " + branch.rcpt.address)) {
        co_return Disposition::kDone;
    }
    if (delivery_.is_probe()) {
        DeliveryStatus status =
            DeliveryStatus::of(DsnCode(2, 0, 0), "forwards to " + branch.rcpt.address);
        co_return co_await finish(&branch, std::move(status));
    }
    for (Forward& forward : forwards_) {
        if (forward.sender == branch.sender && forward.delivered == branch.delivered) {
            forward.recipients.push_back(std::move(branch.rcpt));
            co_return Disposition::kDone;
        }
    }
    Forward fresh;
    fresh.sender = branch.sender;
    fresh.delivered = branch.delivered;
    fresh.reports_success = (branch.rcpt.notify & kNotifySuccess) != 0;
    fresh.recipients.push_back(std::move(branch.rcpt));
    forwards_.push_back(std::move(fresh));
    co_return Disposition::kDone;
}

void Expansion::put_envelope(CleanupClient& to, const Forward& forward) const {
    const DeliveryRequest& request = delivery_.request;
    const timeval& arrival = request.times.incoming_arrival;
    to.put(Rec::kTime, format("{} {}", arrival.tv_sec, arrival.tv_usec));
    to.put(Rec::kSender, forward.sender);
    if (request.ret_flags != 0) {
        to.put_attribute("ret_flags", std::to_string(request.ret_flags));
    }
    put_given(to, "envelope_id", request.envelope_id);
    put_given(to, "log_client_name", request.log_client_name);
    put_given(to, "log_client_address", request.log_client_address);
    put_given(to, "log_protocol_name", request.log_protocol_name);
    put_given(to, "log_helo_name", request.log_helo_name);
    put_given(to, "sasl_method", request.sasl_method);
    put_given(to, "sasl_username", request.sasl_username);
    put_given(to, "sasl_sender", request.sasl_sender);
    put_given(to, "log_ident", request.log_ident);
    put_given(to, "rewrite_context", request.rewrite_context);
    for (const Recipient& recipient : forward.recipients) {
        put_given(to, "dsn_orig_rcpt", recipient.dsn_orig_rcpt);
        if (recipient.notify != 0) {
            to.put_attribute("notify_flags", std::to_string(recipient.notify));
        }
        if (!recipient.original.empty()) {
            to.put(Rec::kOrigRecipient, recipient.original);
        }
        to.put(Rec::kRecipient, recipient.address);
    }
}

Task<Result<void>> Expansion::copy_content(CleanupClient* to) {
    ContentReader reader(delivery_.file(), delivery_.request.data_offset);
    for (;;) {
        auto line = reader.next();
        if (!line) {
            delivery_.note_unread(line.error());
            co_return fail_with(line);
        }
        if (!*line) {
            co_return Result<void>();
        }
        to->put((*line)->complete ? Rec::kLine : Rec::kLinePart, (*line)->text);
        if (to->unsent() > kMuch) {
            auto flushed = co_await to->flush();
            if (!flushed) {
                co_return flushed;
            }
        }
    }
}

// The new message; its queue id.
Task<Result<std::string>> Expansion::post_forward(const Forward* forward) {
    unsigned flags = kCleanupBounce | kCleanupInternal | utf8_detection(MailSource::kForward);
    if ((delivery_.request.sendopts & kUtf8Requested) != 0) {
        flags |= kCleanupSmtputf8;
    }
    if ((delivery_.request.sendopts & kRequireTls) != 0) {
        flags |= kCleanupRequireTls;
    }
    auto opened = co_await CleanupClient::open("public/" + conf().cleanup_service_name(), flags,
                                               conf().ipc_timeout());
    if (!opened) {
        co_return fail_with(opened);
    }
    CleanupClient& to = **opened;
    put_envelope(to, *forward);
    to.put(Rec::kContent, "");
    to.put(Rec::kLine, format("Received: by {} ({})", conf().myhostname(), conf().mail_name()));
    to.put(Rec::kLine,
           format("\tid {}; {}", to.queue_id(), format_mail_date(time_of_day().tv_sec)));
    if ((agent_.delivered_header & kHeaderForForwarding) != 0) {
        to.put(Rec::kLine, "Delivered-To: " + quote_address(fold_text(forward->delivered)));
    }
    auto copied = co_await copy_content(&to);
    if (!copied) {
        co_return fail_with(copied);
    }
    to.put(Rec::kExtracted, "");
    to.put(Rec::kEnd, "");
    auto reply = co_await to.finish();
    if (!reply) {
        co_return fail_with(reply);
    }
    if (!reply->ok()) {
        co_return fail(Errc::kTemporary, std::string(cleanup_status_text(reply->status).text));
    }
    co_return to.queue_id();
}

Task<Disposition> Expansion::send_forward(const Forward* forward) {
    Branch top;
    top.rcpt = original_;
    // What was expanded on the way has been reported as such.
    if (!forward->reports_success) {
        top.rcpt.notify &= ~kNotifySuccess;
    }
    auto posted = co_await post_forward(forward);
    if (!posted) {
        log_warning("{}: forward mail: {}", delivery_.request.queue_id, posted.error().message);
        DeliveryStatus status = DeliveryStatus::of(DsnCode(4, 3, 0), "unable to forward message");
        co_return co_await finish(&top, std::move(status));
    }
    DeliveryStatus status = DeliveryStatus::of(DsnCode(2, 0, 0), "forwarded as " + *posted);
    status.action = "relayed";
    co_return co_await finish(&top, std::move(status));
}

Task<Disposition> Expansion::send_forwards() {
    Disposition all = Disposition::kDone;
    for (const Forward& forward : forwards_) {
        Disposition one = co_await send_forward(&forward);
        all = both(all, one);
    }
    co_return all;
}

}  // namespace relais::local_agent
