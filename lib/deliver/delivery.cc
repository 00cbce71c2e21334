#include "lib/deliver/delivery.h"

#include <optional>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/queue/queue_config.h"
#include "lib/queue/queue_file.h"

namespace relais {

Delivery::Delivery(DeliveryRequest of, UniqueFd file)
    : request(std::move(of)), times(request.times), file_(std::move(file)) {
    if (times.agent_handoff.tv_sec == 0) {
        times.agent_handoff = time_of_day();
    }
}

DeliveryEvent Delivery::event(Recipient recipient, DeliveryStatus status, std::string relay) const {
    DeliveryEvent out;
    out.flags = request.flags & kDeliveryTrace;
    out.queue_id = request.queue_id;
    out.times = times;
    out.recipient = std::move(recipient);
    out.relay = std::move(relay);
    out.status = std::move(status);
    return out;
}

void Delivery::settle(const Recipient& recipient, Disposition disposition) {
    if (disposition == Disposition::kDeferred) {
        reply_.status = -1;
        return;
    }
    if ((request.flags & kMarkOnSuccess) == 0 || recipient.offset < 0) {
        return;
    }
    auto marked = mark_recipient_done(file_.get(), recipient.offset);
    if (!marked) {
        log_warning("{}: {}", request.queue_id, marked.error().message);
    }
}

Task<Disposition> Delivery::sent(Recipient recipient, DeliveryStatus status, std::string relay) {
    DeliveryEvent report = event(recipient, std::move(status), std::move(relay));
    Disposition disposition = co_await report_sent(std::move(report));
    settle(recipient, disposition);
    co_return disposition;
}

Task<Disposition> Delivery::failed(Recipient recipient, DeliveryStatus status, std::string relay) {
    DeliveryEvent report = event(recipient, std::move(status), std::move(relay));
    Disposition disposition = co_await report_failed(std::move(report));
    settle(recipient, disposition);
    co_return disposition;
}

namespace {

// The names come from another process: they must be names, not paths.
Result<UniqueFd> open_message(const DeliveryRequest& request) {
    if (!valid_queue_name(request.queue_name) || !valid_queue_id(request.queue_id)) {
        return fail(Errc::kSyntax,
                    format("bad queue file name: {} {}", printable(request.queue_name),
                           printable(request.queue_id)));
    }
    static const QueueDirs dirs = queue_dirs_from(conf());
    auto file =
        open_queue_file(dirs.path(request.queue_name, request.queue_id), QueueLock::kShared);
    if (!file) {
        return fail(file.error().code, format("open {} {}: {}", request.queue_name,
                                              request.queue_id, file.error().message));
    }
    return file;
}

void mark_damage(const Delivery& delivery) {
    if (!delivery.damaged()) {
        return;
    }
    log_warning("{}: the queue file is damaged", delivery.request.queue_id);
    auto marked = mark_corrupt(delivery.file());
    if (!marked) {
        log_warning("{}: {}", delivery.request.queue_id, marked.error().message);
    }
}

std::string announcement() {
    return AttrWriter().string("protocol", kDeliveryProtocol).end().take();
}

Task<DeliveryReply> answer(DeliveryRequest request, DeliverFunction deliver) {
    auto file = open_message(request);
    if (!file) {
        log_warning("{}", file.error().message);
        DeliveryReply refusal;
        refusal.status = -1;
        co_return refusal;
    }
    Delivery delivery(std::move(request), std::move(*file));
    co_await deliver(&delivery);
    mark_damage(delivery);
    co_return delivery.reply();
}

}  // namespace

// The next announcement goes out behind each reply: a Relais queue manager sends its next request
// over the same connection, a Postfix one hangs up and never sees it.
Task<void> serve_delivery(UniqueFd client, DeliverFunction deliver) {
    Stream stream(std::move(client));
    stream.set_timeout(conf().ipc_timeout());
    stream.write(announcement());
    for (int served = 0;; ++served) {
        auto request = co_await read_delivery_request(&stream);
        if (!request) {
            // A client that only looks whether somebody is there says nothing.
            if (request.error().code != Errc::kClosed) {
                log_warning("{}", request.error().message);
            }
            co_return;
        }
        DeliveryReply reply = co_await answer(std::move(*request), deliver);
        stream.write(encode_delivery_reply(reply));
        if (served + 1 >= conf().max_use()) {
            break;
        }
        stream.write(announcement());
    }
    co_await stream.flush();
}

}  // namespace relais
