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
    out.tls = tls;
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
    if (damaged_) {
        // The file is put aside, with all that is left to do for it.
        settle(recipient, Disposition::kDeferred);
        co_return Disposition::kDeferred;
    }
    DeliveryEvent report = event(recipient, std::move(status), std::move(relay));
    Disposition disposition = co_await report_failed(std::move(report));
    settle(recipient, disposition);
    co_return disposition;
}

std::optional<DeliveryStatus> refuse_several(const DeliveryRequest& request, std::string_view what,
                                             char flag, std::string_view service) {
    if (request.recipients.size() <= 1) {
        return std::nullopt;
    }
    log_warning("{} `{}' requires {}_destination_recipient_limit = 1", what, flag, service);
    return DeliveryStatus::of(DsnCode(4, 3, 5), "mail system configuration error");
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
    log_warning("corrupted queue file: {}/{}", delivery.request.queue_name,
                delivery.request.queue_id);
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
namespace {

Task<bool> readable(Stream* stream) {
    co_await stream->flush();
    co_await stream->wait_readable();
    co_return true;
}

// False where there will be none here.
Task<bool> await_next_request(Stream* stream, const MakeWayFunction* makes_way) {
    const Deadline end = Deadline::after(conf().ipc_timeout());
    while (!end.passed()) {
        auto ready = co_await with_timeout(std::chrono::seconds(1), readable(stream));
        if (ready) {
            co_return true;
        }
        if ((*makes_way)()) {
            break;
        }
    }
    co_return false;
}

}  // namespace

Task<void> serve_delivery(UniqueFd client, DeliverFunction deliver, MakeWayFunction makes_way) {
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
        if (makes_way) {
            bool more = co_await await_next_request(&stream, &makes_way);
            if (!more) {
                co_return;
            }
        }
    }
    co_await stream.flush();
}

}  // namespace relais
