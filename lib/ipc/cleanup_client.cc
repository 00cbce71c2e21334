#include "lib/ipc/cleanup_client.h"

#include <optional>
#include <utility>

#include "lib/base/log.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/service_client.h"
#include "lib/ipc/waiting_servers.h"

namespace relais {

namespace {

Result<std::string> announced_id(const Attributes& announcement) {
    AttrReader reader(announcement);
    std::string queue_id = reader.string("queue_id");
    if (reader.failed()) {
        return fail(Errc::kCorrupt, "cleanup service: " + reader.error());
    }
    return queue_id;
}

// The queue id of another message over this connection; nothing where there will be none.  A
// server that went while nothing was asked of it is no failure of the service.
Task<std::optional<std::string>> ask_again(Stream* stream, std::chrono::milliseconds timeout) {
    try {
        stream->set_timeout(timeout);
        stream->write(AttrWriter().string("request", "next").end().bytes());
        auto announcement = co_await read_attributes(stream);
        if (announcement && AttrReader(*announcement).string("protocol") == kCleanupProtocol) {
            if (auto id = announced_id(*announcement)) {
                co_return std::move(*id);
            }
        }
    } catch (const IoError&) {
    } catch (const TimedOut&) {
    }
    co_return std::nullopt;
}

// In order of importance.
constexpr CleanupStatusText kStatusTexts[] = {
    {kCleanupDefer, 451, "4.7.1", "service unavailable"},
    {kCleanupProxy, 451, "4.3.0", "queue file write error"},
    {kCleanupBad, 451, "4.3.0", "internal protocol error"},
    {kCleanupRecipients, 550, "5.1.0", "no recipients specified"},
    {kCleanupHops, 554, "5.4.0", "too many hops"},
    {kCleanupSize, 552, "5.3.4", "message file too big"},
    {kCleanupContent, 550, "5.7.1", "message content rejected"},
    {kCleanupWrite, 451, "4.3.0", "queue file write error"},
    {kCleanupDenied, 550, "5.7.1", "service denied"},
    {kCleanupBareLf, 521, "5.5.2", "bare <LF> received"},
};

}  // namespace

const CleanupStatusText& cleanup_status_text(unsigned status) {
    for (const CleanupStatusText& text : kStatusTexts) {
        if ((status & text.bit) != 0) {
            return text;
        }
    }
    static constexpr CleanupStatusText kUnknown{kCleanupWrite, 451, "4.3.0",
                                                "unknown cleanup error"};
    return kUnknown;
}

CleanupClient::CleanupClient(std::string socket, std::unique_ptr<Stream> stream,
                             std::string queue_id)
    : socket_(std::move(socket)), stream_(std::move(stream)), queue_id_(std::move(queue_id)) {
}

CleanupClient::~CleanupClient() {
    if (takes_another_) {
        WaitingServers::of_process().keep(socket_, std::move(stream_));
    }
}

Task<Result<std::unique_ptr<CleanupClient>>> CleanupClient::open(
    std::string socket, unsigned flags, std::chrono::milliseconds timeout) {
    auto stream = WaitingServers::of_process().take(socket);
    std::optional<std::string> queue_id;
    if (stream) {
        queue_id = co_await ask_again(stream.get(), timeout);
    }
    if (!queue_id) {
        Attributes announcement;
        ServiceAddress address{socket, std::string(kCleanupProtocol)};
        auto connected = co_await connect_service(std::move(address), timeout, &announcement);
        if (!connected) {
            co_return fail_with(connected);
        }
        auto announced = announced_id(announcement);
        if (!announced) {
            co_return fail_with(announced);
        }
        stream = std::move(*connected);
        queue_id = std::move(*announced);
    }
    stream->set_timeout(timeout);
    stream->write(AttrWriter().number("flags", flags).end().bytes());
    co_return std::unique_ptr<CleanupClient>(
        new CleanupClient(std::move(socket), std::move(stream), std::move(*queue_id)));
}

std::unique_ptr<CleanupClient> CleanupClient::over(std::unique_ptr<Stream> stream,
                                                   std::string queue_id) {
    return std::unique_ptr<CleanupClient>(
        new CleanupClient("", std::move(stream), std::move(queue_id)));
}

void CleanupClient::put(Rec type, std::string_view data) {
    scratch_.clear();
    append_record(scratch_, type, data);
    stream_->write(scratch_);
}

void CleanupClient::put_attribute(std::string_view name, std::string_view value) {
    scratch_.clear();
    append_attribute(scratch_, name, value);
    stream_->write(scratch_);
}

Task<Result<void>> CleanupClient::flush() {
    try {
        co_await stream_->flush();
    } catch (const IoError& error) {
        co_return fail(Errc::kClosed, std::string("cleanup service: ") + error.what());
    } catch (const TimedOut&) {
        co_return fail(Errc::kTemporary, "cleanup service: timeout");
    }
    co_return Result<void>{};
}

Task<Result<CleanupReply>> CleanupClient::finish() {
    auto flushed = co_await flush();
    if (!flushed) {
        co_return fail_with(flushed);
    }
    Result<Attributes> attributes = fail(Errc::kTemporary, "cleanup service: timeout");
    try {
        attributes = co_await read_attributes(stream_.get());
    } catch (const IoError& error) {
        co_return fail(Errc::kClosed, std::string("cleanup service: ") + error.what());
    } catch (const TimedOut&) {
    }
    if (!attributes) {
        co_return fail_with(attributes);
    }
    AttrReader reader(*attributes);
    CleanupReply reply;
    reply.status = reader.number("status");
    reply.reason = reader.string("reason");
    if (reader.failed()) {
        co_return fail(Errc::kCorrupt, "cleanup service: " + reader.error());
    }
    takes_another_ = !socket_.empty() && offers_to_go_on(*stream_, kCleanupAgainProtocol);
    co_return reply;
}

}  // namespace relais
