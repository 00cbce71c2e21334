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

Task<Result<VerifiedAddress>> query_verified_address(std::string service, std::string address,
                                                     std::chrono::milliseconds timeout) {
    AttrWriter request;
    request.string("request", "query").string("address", address).end();
    ServiceAddress to;
    to.socket = "private/" + service;
    to.protocol = kVerifyProtocol;
    ServiceClientLimits limits;
    limits.timeout = timeout;
    ServiceClient client(to, limits);
    const auto reply = co_await client.call(request.take());
    if (!reply) {
        co_return fail_with(reply);
    }
    AttrReader reader(*reply);
    const int failed = reader.signed_number("status");
    const int status = reader.signed_number("recipient_status");
    VerifiedAddress answer{AddressStatus::kPending, reader.string("reason")};
    if (reader.failed() || failed != 0 || status < 0 || status > 3) {
        co_return fail(Errc::kTemporary, service + " service: malformed reply");
    }
    answer.status = static_cast<AddressStatus>(status);
    co_return answer;
}

}  // namespace relais
