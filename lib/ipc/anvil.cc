// The client side of anvil: see the header.
#include "lib/ipc/anvil.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/errors.h"
#include "lib/ipc/service_client.h"

namespace relais {
namespace {

std::string request_text(std::string_view request, std::string_view ident) {
    AttrWriter writer(AttrEncoding::kPlain);
    writer.string("request", request).string("ident", ident).end();
    return writer.take();
}

}  // namespace

std::string_view anvil_event_name(AnvilEvent event) {
    switch (event) {
        case AnvilEvent::kMessage:
            return "message";
        case AnvilEvent::kRecipient:
            return "recipient";
        case AnvilEvent::kNewTls:
            return "newtls";
        case AnvilEvent::kAuth:
            return "auth";
        case AnvilEvent::kNewTlsStatus:
            return "newtls_status";
    }
    return "";
}

AnvilClient::AnvilClient(std::string socket, std::chrono::milliseconds timeout)
    : socket_(std::move(socket)), timeout_(timeout) {
}

AnvilClient::~AnvilClient() = default;

std::string AnvilClient::ident(std::string_view service, std::string_view address) {
    return format("{}:{}", service, address);
}

Task<std::optional<Attributes>> AnvilClient::try_call(const std::string* request) {
    if (!stream_) {
        ServiceAddress address;
        address.socket = socket_;
        address.protocol = kAnvilProtocol;
        address.encoding = AttrEncoding::kPlain;
        auto stream = co_await connect_service(address, timeout_);
        if (!stream) {
            why_ = stream.error().message;
            co_return std::nullopt;
        }
        stream_ = std::move(*stream);
    }
    std::optional<Attributes> answer;
    try {
        stream_->write(*request);
        auto reply = co_await read_attributes(stream_.get(), AttrEncoding::kPlain);
        if (reply) {
            answer = std::move(*reply);
        }
    } catch (const IoError& error) {
        why_ = error.what();
    } catch (const TimedOut& error) {
        why_ = error.what();
    }
    if (!answer) {
        stream_.reset();
    }
    co_return answer;
}

// A cancelled call must not leave half a conversation behind for the next session, so the
// connection's users are shielded from the cancellation of one of them.  Who has waited for his
// turn while another's call failed does not wait again: an anvil that hangs holds up all sessions
// together for one timeout, not one after the other.
Task<std::optional<Attributes>> AnvilClient::call(std::string request) {
    const auto failures = failures_;
    auto turn = co_await turn_.take();
    if (failures != failures_) {
        co_return std::nullopt;
    }
    const auto began = std::chrono::steady_clock::now();
    auto answer = co_await try_call(&request);
    if (!answer && std::chrono::steady_clock::now() - began < timeout_) {
        answer = co_await try_call(&request);  // anvil may have been restarted
    }
    if (!answer) {
        failures_ += 1;
        log_warning("problem talking to service {}: {}: no limits on clients for now", socket_,
                    why_);
    }
    co_return answer;
}

Task<std::optional<AnvilCounts>> AnvilClient::connect(std::string ident) {
    auto request = request_text("connect", ident);
    auto answer = co_await shielded(call(std::move(request)));
    if (!answer) {
        co_return std::nullopt;
    }
    AttrReader reader(*answer);
    const int status = reader.signed_number("status");
    AnvilCounts counts;
    counts.count = reader.signed_number("count");
    counts.rate = reader.signed_number("rate");
    if (reader.failed() || status != kAnvilOk) {
        co_return std::nullopt;
    }
    co_return counts;
}

Task<void> AnvilClient::disconnect(std::string ident) {
    auto request = request_text("disconnect", ident);
    (void)co_await shielded(call(std::move(request)));
}

// The names under which "lookup" tells the rates.
static std::string_view lookup_name(AnvilEvent event) {
    switch (event) {
        case AnvilEvent::kMessage:
            return "mail";
        case AnvilEvent::kRecipient:
            return "rcpt";
        case AnvilEvent::kAuth:
            return "auth";
        case AnvilEvent::kNewTls:
        case AnvilEvent::kNewTlsStatus:
            break;
    }
    return "newtls";
}

Task<std::optional<int>> AnvilClient::current(AnvilEvent event, std::string ident) {
    auto request = request_text("lookup", ident);
    auto answer = co_await shielded(call(std::move(request)));
    if (!answer) {
        co_return std::nullopt;
    }
    auto found = std::ranges::find(*answer, lookup_name(event), &Attributes::value_type::first);
    auto rate = found == answer->end() ? std::nullopt : parse_int(found->second);
    co_return rate ? std::optional<int>(static_cast<int>(*rate)) : std::nullopt;
}

Task<std::optional<int>> AnvilClient::rate(AnvilEvent event, std::string ident) {
    auto request = request_text(anvil_event_name(event), ident);
    auto answer = co_await shielded(call(std::move(request)));
    if (!answer) {
        co_return std::nullopt;
    }
    AttrReader reader(*answer);
    const int status = reader.signed_number("status");
    const int rate = reader.signed_number("rate");
    if (reader.failed() || status != kAnvilOk) {
        co_return std::nullopt;
    }
    co_return rate;
}

}  // namespace relais
