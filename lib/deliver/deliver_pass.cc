#include "lib/deliver/deliver_pass.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/service_client.h"

namespace relais {

namespace {

struct Destination {
    std::string transport;
    std::string nexthop;
};

Destination parse_destination(const std::string& text, const std::string& default_nexthop) {
    auto parts = split_first(text, ':');
    Destination out;
    out.transport = parts ? parts->first : text;
    out.nexthop = parts ? parts->second : "";
    if (out.nexthop.empty()) {
        out.nexthop = default_nexthop;
    }
    return out;
}

// The exchange with the other agent: its last word.
Task<Result<int>> exchange(std::string transport, std::string request) {
    ServiceAddress address;
    address.socket = "private/" + transport;
    address.protocol = kDeliveryProtocol;
    auto stream = co_await connect_service(address, conf().daemon_timeout());
    if (!stream) {
        co_return fail_with(stream);
    }
    std::string why;
    try {
        (*stream)->write(request);
        auto reply = co_await read_delivery_reply(stream->get());
        if (reply) {
            co_return reply->status;
        }
        why = reply.error().message;
    } catch (const IoError& error) {
        why = error.what();
    } catch (const TimedOut& error) {
        why = error.what();
    }
    co_return fail(Errc::kTemporary, format("private/{} service: {}", transport, why));
}

}  // namespace

Task<Disposition> deliver_pass(Delivery* delivery, std::string destination, Recipient recipient) {
    Destination to = parse_destination(destination, delivery->request.nexthop);
    DeliveryRequest request = delivery->request;
    request.nexthop = to.nexthop;
    request.times = delivery->times;
    request.recipients.assign(1, recipient);
    log_info("{}: passing <{}> to transport={}", request.queue_id, recipient.address, to.transport);
    auto status = co_await exchange(to.transport, encode_delivery_request(request));
    if (status) {
        co_return *status == 0 ? Disposition::kDone : Disposition::kDeferred;
    }
    log_warning("{}: {}", request.queue_id, status.error().message);
    DeliveryStatus unavailable = DeliveryStatus::of(DsnCode(4, 3, 0), "mail transport unavailable");
    DeliveryEvent event =
        delivery->event(std::move(recipient), std::move(unavailable), std::string(kNoRelay));
    co_return co_await report_deferred(std::move(event));
}

}  // namespace relais
