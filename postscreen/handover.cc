// How smtpd gets the connection of a client that passed: over the socket of a `pass` service, with
// what is known of both ends.
#include <cstring>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"
#include "lib/event/socket.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"

#include "postscreen/client.h"

namespace relais::postscreen {

namespace {

constexpr auto kConnectWait = std::chrono::seconds(1);
// How long smtpd may leave the connection lying there.
constexpr auto kTakeWait = std::chrono::seconds(100);

Task<void> pass_connection(Stream* stream, int fd, std::string attributes) {
    co_await stream->send_fd(fd);
    stream->write(attributes);
    // It closes the stream when it has all.
    const bool more = co_await stream->fill();
    if (more) {
        throw IoError("protocol error: unexpected reply");
    }
}

}  // namespace

Task<void> Client::hand_over() {
    const Site::Handover waiting(site_);
    const auto service = "private/" + conf().smtpd_service_name();
    auto socket = co_await connect_unix(service, Deadline::after(kConnectWait));
    if (!socket) {
        log_warning("cannot connect to service {}: {}", service,
                    std::strerror(socket.error().sys_errno));
        send("421 4.3.2 All server ports are busy");
        co_return;
    }
    AttrWriter attributes;
    attributes.string("client_address", address_)
        .string("client_port", port_)
        .string("server_address", server_address_)
        .string("server_port", server_port_)
        .end();
    Stream stream(std::move(*socket));
    stream.set_timeout(kTakeWait);
    try {
        co_await pass_connection(&stream, fd_.get(), attributes.take());
    } catch (const TimedOut&) {
        log_warning("timeout sending connection to service {}", service);
    } catch (const IoError& error) {
        log_warning("cannot pass connection to service {}: {}", service, error.what());
        send("421 4.3.2 No system resources");
    }
}

}  // namespace relais::postscreen
