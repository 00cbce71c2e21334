#include "cleanup/commit.h"

#include <cstdio>
#include <memory>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/daemon/daemon.h"
#include "lib/deliver/outcome.h"
#include "lib/event/blocking.h"
#include "lib/ipc/bounce_client.h"
#include "lib/queue/record_reader.h"

namespace relais::cleanup {

namespace {

constexpr unsigned kCannotBounce = kCleanupBad | kCleanupWrite | kCleanupDefer | kCleanupRecipients;

void put_size_record(Message& message) {
    SizeRecord size;
    size.size = message.xtra_offset - message.data_offset;
    size.data_offset = message.data_offset;
    size.recipients = message.recipient_count;
    size.qmgr_flags = message.qmgr_flags;
    size.content_length = message.content_length >= 0 ? message.content_length : size.size;
    size.sendopts = message.utf8;
    std::string record;
    append_record(record, Rec::kSize, format_size_record(size));
    if (auto put = message.file.overwrite(0, record); !put) {
        log_warning("{}: write queue file: {}", message.id(), put.error().message);
        message.fail(kCleanupWrite);
    }
}

void move_to_hold(Service& service, Message& message) {
    if (auto moved = service.dirs.move(message.id(), kIncoming, kHold); !moved) {
        log_warning("{}: {}", message.id(), moved.error().message);
        message.fail(kCleanupWrite);
        return;
    }
    message.file.moved_to(service.dirs.path(kHold, message.id()));
    // qmgr will never see this message: the token that it would put back is put back here.
    char token = 0;
    static_cast<void>(::write(kFlowWriteFd, &token, 1));
}

// Tells the bounce service of every recipient in the file.  False: the service did not take one.
Task<bool> bounce_recipients(Message& message, const DeliveryStatus& why) {
    RecordReader reader(message.file.fd());
    DeliveryEvent event;
    event.queue_id = message.id();
    event.times.incoming_arrival = {message.envelope.arrival.seconds,
                                    message.envelope.arrival.microseconds};
    event.relay = "none";
    event.status = why;
    for (;;) {
        auto record = reader.next();
        if (!record || !*record) {
            // The file ends where its message became too large.
            co_return true;
        }
        Rec type = (*record)->type;
        std::string data((*record)->data);
        if (type == Rec::kAttribute) {
            auto pair = split_attribute(data);
            if (pair && pair->name == "dsn_orig_rcpt") {
                event.recipient.dsn_orig_rcpt = pair->value;
            } else if (pair && pair->name == "notify_flags") {
                event.recipient.notify = static_cast<int>(parse_uint(pair->value).value_or(0));
            }
        } else if (type == Rec::kOrigRecipient) {
            event.recipient.original = data;
        } else if (type == Rec::kRecipient) {
            event.recipient.address = data;
            event.recipient.offset = reader.record_offset();
            Disposition disposition = co_await report_bounced(event);
            if (disposition != Disposition::kDone) {
                co_return false;
            }
            event.recipient = {};
        } else if (type == Rec::kContent && message.xtra_offset > 0) {
            reader.seek(message.xtra_offset);
        } else if (type == Rec::kEnd) {
            co_return true;
        }
    }
}

// A lone session does it itself: two switches between threads would only delay its client.  As soon
// as there is another one to be stalled, helper threads do it for both.
Task<Result<void>> sync_file(const Service& service, Message& message) {
    if (service.sessions() == 1) {
        co_return sync_queue_file(message.file.detach(), message.file.path(), kModeReady);
    }
    auto fd = std::make_shared<UniqueFd>(message.file.detach());
    std::string path = message.file.path();
    co_return co_await run_blocking(
        [fd, path] { return sync_queue_file(std::move(*fd), path, kModeReady); });
}

}  // namespace

Task<void> commit_message(Service& service, Message& message) {
    put_size_record(message);
    if (auto flushed = message.file.flush(); !flushed && message.status == 0) {
        log_warning("{}: write queue file: {}", message.id(), flushed.error().message);
        message.fail(kCleanupWrite);
    }
    bool hold = (message.flags & kCleanupHold) != 0;
    if (message.status == 0 && hold) {
        move_to_hold(service, message);
    }
    if (message.status != 0) {
        co_return;
    }
    auto synced = co_await sync_file(service, message);
    if (!synced) {
        log_warning("{}: {}", message.id(), synced.error().message);
        message.fail(kCleanupWrite);
        co_return;
    }
    if (!hold) {
        service.new_mail();
    }
}

Task<void> return_to_sender(Service& service, Message& message) {
    if ((message.status & kCannotBounce) != 0 || !message.envelope.sender) {
        co_return;
    }
    const CleanupStatusText& text = cleanup_status_text(message.status);
    DsnCode code = DsnCode::parse(text.dsn).value_or(DsnCode(5, 0, 0));
    DsnText why = split_dsn(message.reason.empty() ? text.text : message.reason, code);
    put_size_record(message);
    auto flushed = message.file.flush();
    bool told = flushed && co_await bounce_recipients(
                               message, DeliveryStatus::of(why.code, std::move(why.text)));
    if (told) {
        BounceRequest request;
        request.op = BounceOp::kFlush;
        request.flags = kBounceClean;
        request.queue_id = message.id();
        request.queue_name = kIncoming;
        request.encoding = message.envelope.encoding;
        request.sendopts = message.utf8;
        request.sender = *message.envelope.sender;
        request.envelope_id = message.envelope.envelope_id;
        // Content that was refused is not sent on in a bounce either.
        bool refused = (message.status & kCleanupContent) != 0;
        request.ret_flags =
            refused ? static_cast<int>(DsnRet::kHeaders) : message.envelope.ret_flags;
        auto sent = co_await send_bounce_request(service.config.bounce_service_name(),
                                                 std::move(request), service.config.ipc_timeout());
        told = sent.has_value();
    }
    if (told) {
        message.status = kCleanupOk;
    } else {
        log_warning("{}: bounce message failure", message.id());
        message.fail(kCleanupWrite);
    }
}

}  // namespace relais::cleanup
