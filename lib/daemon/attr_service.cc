#include "lib/daemon/attr_service.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "lib/config/config.h"
#include "lib/event/errors.h"

namespace relais {

namespace {

// A client that has nothing more to ask for so long must not hold up the process when it retires.
// Longer than a client of ours keeps a connection.
constexpr auto kLongestPause = std::chrono::seconds(6);

}  // namespace

Task<void> serve_attributes(Connection connection, std::string_view protocol, std::size_t longest,
                            AnswerAttributes answer) {
    Stream stream(std::move(connection.fd));
    stream.set_timeout(conf().ipc_timeout());
    AttrWriter hello;
    hello.string("protocol", protocol).end();
    stream.write(hello.bytes());
    try {
        for (;;) {
            auto request = co_await read_attributes(&stream, AttrEncoding::kNul, longest);
            if (!request) {
                break;
            }
            AttrWriter reply;
            bool answered = co_await answer(&*request, &reply);
            if (!answered) {
                break;
            }
            stream.write(reply.bytes());
        }
    } catch (const IoError&) {
        // The client has gone.
    } catch (const TimedOut&) {
    }
}

StatusConversation::StatusConversation(Connection connection, std::string_view protocol,
                                       std::size_t longest)
    : stream_(std::move(connection.fd)), protocol_(protocol), longest_(longest) {
    stream_.set_timeout(conf().ipc_timeout());
    greet();
}

void StatusConversation::greet() {
    stream_.write(AttrWriter().string("protocol", protocol_).end().bytes());
    greeted_ = true;
}

Task<Result<Attributes>> StatusConversation::next() {
    if (!greeted_) {
        co_await stream_.flush();
        co_return fail(Errc::kClosed, "the client has had its turns");
    }
    auto request = co_await read_attributes(&stream_, AttrEncoding::kNul, longest_);
    co_return request;
}

void StatusConversation::reply(int status) {
    stream_.write(AttrWriter().number("status", status).end().bytes());
    greeted_ = false;
    // A process that serves one client at a time is for the next one.
    if (process_info().sessions > 1 && ++replies_ < conf().max_use()) {
        stream_.set_timeout(
            std::min<std::chrono::milliseconds>(kLongestPause, conf().ipc_timeout()));
        greet();
    }
}

}  // namespace relais
