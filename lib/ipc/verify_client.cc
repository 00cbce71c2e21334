#include "lib/ipc/verify_client.h"

#include "lib/ipc/service_client.h"

namespace relais {

Task<Result<void>> send_verify_update(std::string service, std::string address,
                                      AddressStatus status, std::string reason,
                                      std::chrono::milliseconds timeout) {
    AttrWriter request;
    request.string("request", "update")
        .string("address", address)
        .number("recipient_status", static_cast<int>(status))
        .string("reason", reason)
        .end();
    ServiceAddress to;
    to.socket = "private/" + service;
    to.protocol = kVerifyProtocol;
    auto reply = co_await status_request(to, request.take(), timeout);
    if (!reply) {
        co_return fail_with(reply);
    }
    if (*reply != 0) {
        co_return fail(Errc::kTemporary, service + " service: the request failed");
    }
    co_return Result<void>();
}

}  // namespace relais
