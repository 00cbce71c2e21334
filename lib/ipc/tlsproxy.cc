#include "lib/ipc/tlsproxy.h"

#include <utility>

#include "lib/ipc/service_client.h"

namespace relais {

std::string format_tlsproxy_request(const TlsproxyRequest& request) {
    AttrWriter writer;
    writer.string("remote_endpoint", request.peer)
        .number("flags", request.flags)
        .number("timeout", request.handshake_timeout.count())
        .number("timeout", request.session_timeout.count())
        .string("serverid", request.server_id);
    return writer.end().take();
}

Result<TlsproxyRequest> parse_tlsproxy_request(const Attributes& attributes) {
    AttrReader reader(attributes);
    TlsproxyRequest request;
    request.peer = reader.string("remote_endpoint");
    request.flags = reader.number("flags");
    request.handshake_timeout = std::chrono::seconds(reader.number("timeout"));
    request.session_timeout = std::chrono::seconds(reader.number("timeout"));
    request.server_id = reader.string("serverid");
    if (reader.failed()) {
        return fail(Errc::kCorrupt, reader.error());
    }
    return request;
}

Task<Result<std::unique_ptr<Stream>>> open_tlsproxy(std::string service, TlsproxyRequest request,
                                                    std::chrono::milliseconds wait,
                                                    std::string list) {
    const ServiceAddress address{service, std::string(kTlsproxyProtocol), AttrEncoding::kNul};
    std::string trouble;
    try {
        auto stream = co_await connect_service(address, wait);
        if (!stream) {
            co_return fail_with(stream);
        }
        (*stream)->write(format_tlsproxy_request(request));
        (*stream)->write(list);
        const auto answer = co_await read_attributes(stream->get());
        if (!answer) {
            co_return fail(answer.error().code, service + ": " + answer.error().message);
        }
        AttrReader reader(*answer);
        const auto status = reader.number("status");
        if (reader.failed() || status != 1) {
            co_return fail(Errc::kTemporary, service + ": TLS is not available there");
        }
        co_return std::move(*stream);
    } catch (const IoError& error) {
        trouble = error.what();
    } catch (const TimedOut& error) {
        trouble = error.what();
    }
    co_return fail(Errc::kTemporary, service + ": " + trouble);
}

}  // namespace relais
