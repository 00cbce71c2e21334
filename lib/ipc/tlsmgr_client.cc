#include "lib/ipc/tlsmgr_client.h"

#include <cstring>

#include "lib/config/config.h"

namespace relais {

static_assert(sizeof(TicketKeyRecord) == 88);

std::string encode_ticket_key(const TicketKeyRecord& key) {
    return {reinterpret_cast<const char*>(&key), sizeof key};
}

Result<TicketKeyRecord> decode_ticket_key(std::string_view bytes) {
    TicketKeyRecord key;
    if (bytes.size() != sizeof key) {
        return fail(Errc::kCorrupt, "a TLS ticket key of the wrong size");
    }
    std::memcpy(&key, bytes.data(), sizeof key);
    return key;
}

static ServiceAddress tlsmgr_address() {
    ServiceAddress address;
    address.socket = "private/" + conf().tlsmgr_service_name();
    address.protocol = kTlsmgrProtocol;
    return address;
}

static ServiceClientLimits client_limits() {
    ServiceClientLimits limits;
    limits.timeout = conf().ipc_timeout();
    limits.idle = conf().ipc_idle();
    limits.lifetime = conf().ipc_ttl();
    return limits;
}

TlsmgrClient::TlsmgrClient() : client_(tlsmgr_address(), client_limits()) {
}

Task<Result<TicketKeyRecord>> TlsmgrClient::current_ticket_key() {
    AttrWriter request;
    request.string("request", "tktkey").data("keyname", "").end();
    auto reply = co_await client_.call(request.take());
    if (!reply) {
        co_return fail_with(reply);
    }
    AttrReader reader(*reply);
    int status = reader.signed_number("status");
    std::string bytes = reader.data("keybuf");
    if (reader.failed() || status != kTlsmgrOk) {
        co_return fail(Errc::kTemporary, "tlsmgr gives no TLS ticket key");
    }
    co_return decode_ticket_key(bytes);
}

}  // namespace relais
