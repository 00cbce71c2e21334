#include "lib/ipc/scache_client.h"

#include <string_view>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

namespace relais {

namespace {

constexpr std::string_view kProtocol = "connection_cache_protocol";
constexpr auto kSilence = std::chrono::minutes(1);
constexpr int kTries = 2;  // the connection may be with an scache that has gone

ServiceClientLimits limits(std::chrono::milliseconds timeout) {
    ServiceClientLimits limits;
    limits.timeout = timeout;
    limits.idle = conf().ipc_idle();
    limits.lifetime = conf().ipc_ttl();
    return limits;
}

std::string dummy() {
    return AttrWriter().string("dummy", "").end().take();
}

// The service is ready for the descriptor, takes it, and says how it went.
Task<Result<Attributes>> hand_over(Stream* stream, int fd) {
    if (fd >= 0) {
        auto ready = co_await read_attributes(stream);
        if (!ready) {
            co_return ready;
        }
        AttrReader reader(*ready);
        reader.string("dummy");
        if (reader.failed()) {
            co_return fail(Errc::kCorrupt, reader.error());
        }
        co_await stream->send_fd(fd);
    }
    co_return co_await read_attributes(stream);
}

// A descriptor follows where something was found; the service waits for a list before it and
// another one after it.
Task<Result<Attributes>> take_over(Stream* stream, UniqueFd* fd) {
    auto reply = co_await read_attributes(stream);
    if (!reply) {
        co_return reply;
    }
    AttrReader reader(*reply);
    const bool found = reader.number("status") == 0;
    if (found && !reader.failed()) {
        stream->write(dummy());
        *fd = co_await stream->receive_fd();
        stream->write(dummy());
        co_await stream->flush();
    }
    co_return reply;
}

Task<Result<Attributes>> try_twice(ServiceClient* service, std::string request,
                                   ServiceClient::Reader read) {
    for (int left = kTries;; --left) {
        auto reply = co_await service->call_once(request, read);
        if (reply || left <= 1) {
            co_return reply;
        }
    }
}

}  // namespace

ScacheClient::ScacheClient(std::string socket, std::chrono::milliseconds timeout)
    : timeout_(timeout),
      service_({.socket = std::move(socket), .protocol = std::string(kProtocol)}, limits(timeout)) {
}

Task<std::optional<Attributes>> ScacheClient::ask(std::string request, ServiceClient::Reader read) {
    if (!usable()) {
        co_return std::nullopt;
    }
    auto reply =
        co_await with_timeout(timeout_, try_twice(&service_, std::move(request), std::move(read)));
    std::string why = "Connection timed out";
    if (reply) {
        if (*reply) {
            AttrReader reader(**reply);
            reader.number("status");
            if (!reader.failed()) {
                co_return std::move(**reply);
            }
            why = reader.error();
        } else {
            why = reply->error().message;
        }
    }
    // Those who asked at the same time say nothing new.
    if (usable()) {
        log_warning("problem talking to service {}: {}", service_.address().socket, why);
        log_warning("disabling connection caching for a minute");
        silent_until_ = Deadline::after(kSilence);
    }
    co_return std::nullopt;
}

Task<bool> ScacheClient::save(std::string request, int fd) {
    auto read = [fd](Stream* stream) { return hand_over(stream, fd); };
    auto reply = co_await ask(std::move(request), std::move(read));
    co_return reply&& AttrReader(*reply).number("status") == 0;
}

Task<bool> ScacheClient::save_endpoint(std::string label, std::string properties, int fd,
                                       std::chrono::seconds ttl) {
    AttrWriter request;
    request.string("request", "save_endp").number("ttl", ttl.count());
    request.string("label", label).string("property", properties).end();
    co_return co_await save(request.take(), fd);
}

Task<bool> ScacheClient::save_destination(std::string label, std::string properties,
                                          std::string endpoint, std::chrono::seconds ttl) {
    AttrWriter request;
    request.string("request", "save_dest").number("ttl", ttl.count());
    request.string("label", label).string("property", properties);
    request.string("label", endpoint).end();
    co_return co_await save(request.take(), -1);
}

Task<std::optional<KeptConnection>> ScacheClient::find(std::string request, bool destination) {
    KeptConnection found;
    auto read = [fd = &found.fd](Stream* stream) { return take_over(stream, fd); };
    auto reply = co_await ask(std::move(request), std::move(read));
    if (!reply || !found.fd) {
        co_return std::nullopt;
    }
    AttrReader reader(*reply);
    if (destination) {
        found.destination = reader.string("property");
    }
    found.endpoint = reader.string("property");
    if (reader.failed()) {
        co_return std::nullopt;
    }
    co_return std::move(found);
}

Task<std::optional<KeptConnection>> ScacheClient::find_endpoint(std::string label) {
    AttrWriter request;
    request.string("request", "find_endp").string("label", label).end();
    co_return co_await find(request.take(), false);
}

Task<std::optional<KeptConnection>> ScacheClient::find_destination(std::string label) {
    AttrWriter request;
    request.string("request", "find_dest").string("label", label).end();
    co_return co_await find(request.take(), true);
}

}  // namespace relais
