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

Task<Result<TlsmgrClient::Answer>> TlsmgrClient::ask(std::string request, std::string name) {
    auto reply = co_await client_.call(std::move(request));
    if (!reply) {
        co_return fail_with(reply);
    }
    AttrReader reader(*reply);
    Answer answer;
    answer.status = reader.signed_number("status");
    answer.bytes = name.empty() ? "" : reader.data(name);
    if (reader.failed()) {
        co_return fail(Errc::kCorrupt, "malformed reply of tlsmgr");
    }
    co_return answer;
}

Task<Result<TicketKeyRecord>> TlsmgrClient::current_ticket_key() {
    AttrWriter request;
    request.string("request", "tktkey").data("keyname", "").end();
    auto answer = co_await ask(request.take(), "keybuf");
    if (!answer) {
        co_return fail_with(answer);
    }
    if (answer->status != kTlsmgrOk) {
        co_return fail(Errc::kTemporary, "tlsmgr gives no TLS ticket key");
    }
    co_return decode_ticket_key(answer->bytes);
}

Task<Result<TlsmgrClient::CachePolicy>> TlsmgrClient::policy(std::string cache) {
    AttrWriter request;
    request.string("request", "policy").string("cache_type", cache).end();
    auto reply = co_await client_.call(request.take());
    if (!reply) {
        co_return fail_with(reply);
    }
    AttrReader reader(*reply);
    const int status = reader.signed_number("status");
    CachePolicy policy;
    policy.cachable = reader.number("cachable") != 0;
    policy.lifetime = std::chrono::seconds(reader.number("timeout"));
    if (reader.failed() || status != kTlsmgrOk) {
        co_return fail(Errc::kCorrupt, "tlsmgr knows of no TLS session cache for " + cache);
    }
    co_return policy;
}

static std::string session_request(std::string_view what, const std::string& cache,
                                   const std::string& id, const std::string* session = nullptr) {
    AttrWriter request;
    request.string("request", what).string("cache_type", cache).string("cache_id", id);
    if (session != nullptr) {
        request.data("session", *session);
    }
    return request.end().take();
}

Task<Result<std::string>> TlsmgrClient::find_session(std::string cache, std::string id) {
    auto answer = co_await ask(session_request("lookup", cache, id), "session");
    if (!answer) {
        co_return fail_with(answer);
    }
    if (answer->status != kTlsmgrOk) {
        co_return fail(Errc::kNotFound, "no such TLS session");
    }
    co_return std::move(answer->bytes);
}

Task<Result<void>> TlsmgrClient::store_session(std::string cache, std::string id,
                                               std::string session) {
    auto answer = co_await ask(session_request("update", cache, id, &session), "");
    if (!answer) {
        co_return fail_with(answer);
    }
    co_return Result<void>();
}

Task<Result<void>> TlsmgrClient::remove_session(std::string cache, std::string id) {
    auto answer = co_await ask(session_request("delete", cache, id), "");
    if (!answer) {
        co_return fail_with(answer);
    }
    co_return Result<void>();
}

Task<Result<std::string>> TlsmgrClient::seed(std::size_t count) {
    AttrWriter request;
    request.string("request", "seed").number("size", static_cast<std::int64_t>(count)).end();
    auto answer = co_await ask(request.take(), "seed");
    if (!answer) {
        co_return fail_with(answer);
    }
    if (answer->status != kTlsmgrOk || answer->bytes.size() != count) {
        co_return fail(Errc::kTemporary, "tlsmgr gives no random bytes");
    }
    co_return std::move(answer->bytes);
}

}  // namespace relais
