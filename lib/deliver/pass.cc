#include "lib/deliver/pass.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/service_client.h"

namespace relais {

namespace {

Task<Result<DeliveryReply>> ask(std::string service, const DeliveryRequest* request) {
    ServiceAddress address{.socket = "private/" + service,
                           .protocol = std::string(kDeliveryProtocol)};
    auto agent = co_await connect_service(address, conf().ipc_timeout());
    if (!agent) {
        co_return fail_with(agent);
    }
    (*agent)->set_timeout(conf().daemon_timeout());
    std::string why;
    try {
        (*agent)->write(encode_delivery_request(*request));
        co_return co_await read_delivery_reply(agent->get());
    } catch (const IoError& error) {
        why = error.what();
    } catch (const TimedOut& error) {
        why = error.what();
    }
    co_return fail(Errc::kClosed, address.socket + ": " + why);
}

}  // namespace

Task<Disposition> pass_recipient(Delivery* delivery, Recipient recipient, std::string transport) {
    DeliveryRequest request = delivery->request;
    request.recipients = {std::move(recipient)};
    if (auto parts = split_first(transport, ':')) {
        if (!parts->second.empty()) {
            request.nexthop = parts->second;
        }
        transport = std::string(parts->first);
    }
    log_info("{}: passing <{}> to transport={}", request.queue_id,
             request.recipients.front().address, transport);
    auto reply = co_await ask(transport, &request);
    if (!reply) {
        log_warning("{}", reply.error().message);
    }
    bool done = reply && reply->status == 0;
    co_return done ? Disposition::kDone : Disposition::kDeferred;
}

}  // namespace relais
