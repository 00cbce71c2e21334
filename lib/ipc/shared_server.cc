#include "lib/ipc/shared_server.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/errors.h"
#include "lib/event/inet_name.h"

namespace relais {

namespace {

// Somebody waits to log in.
constexpr std::chrono::milliseconds kPatience{300};
// How long it is not asked again.
constexpr std::chrono::seconds kPause{5};
constexpr std::size_t kLongestKey = 200;

// A blank or a line end would make another command of it.
bool is_usable(std::string_view key) {
    return !key.empty() && key.size() <= kLongestKey &&
           std::ranges::all_of(key, [](char c) { return c > ' ' && c < '\x7f'; });
}

std::optional<int> number_in(std::string_view text) {
    auto number = parse_uint(trim(text));
    return number ? std::optional(static_cast<int>(std::min<std::uint64_t>(*number, 1'000'000)))
                  : std::nullopt;
}

std::string seconds_text(std::chrono::seconds keep) {
    return std::to_string(std::max<std::int64_t>(1, keep.count()));
}

}  // namespace

SharedServer::SharedServer(std::string_view setting) {
    auto parts = split_first(trim(setting), ':');
    bool redis = parts && parts->first == "redis";
    if (parts && (redis || parts->first == "memcache") && parts->second.contains(':')) {
        protocol_ = redis ? SharedProtocol::kRedis : SharedProtocol::kMemcache;
        place_ = parts->second;
    } else if (!trim(setting).empty()) {
        log_fatal("login_shared_server: must be memcache:HOST:PORT or redis:HOST:PORT, not \"{}\"",
                  setting);
    }
}

bool SharedServer::is_away() const {
    return !is_set() || std::chrono::steady_clock::now() < away_until_;
}

void SharedServer::note_trouble(const std::string& why) {
    away_until_ = std::chrono::steady_clock::now() + kPause;
    if (!std::exchange(told_, true)) {
        log_warning("login_shared_server {}: {}: nothing is shared until it is back", place_,
                    printable(why));
    }
}

Task<Result<SharedReply>> SharedServer::read_reply(Stream* stream) {
    for (;;) {
        SharedReply reply = parse_shared_reply(protocol_, stream->buffered());
        if (reply.state == SharedReply::State::kMalformed) {
            co_return fail(Errc::kSyntax, "what it says makes no sense");
        }
        if (reply.state == SharedReply::State::kComplete) {
            stream->consume(reply.size);
            co_return reply;
        }
        bool more = co_await stream->fill();
        if (!more) {
            co_return fail(Errc::kClosed, "it hung up");
        }
    }
}

// The connection is kept only where all has been read that was asked for.
Task<Result<SharedServer::Replies>> SharedServer::converse(std::string requests, std::size_t count,
                                                           Deadline deadline) {
    auto stream = std::move(stream_);
    if (!stream) {
        auto fd = co_await connect_inet_name(place_, deadline);
        if (!fd) {
            co_return fail_with(fd);
        }
        stream = std::make_unique<Stream>(std::move(*fd));
    }
    stream->set_deadline(deadline);
    stream->write(requests);
    Replies replies;
    while (replies.size() < count) {
        auto reply = co_await read_reply(stream.get());
        if (!reply) {
            co_return fail_with(reply);
        }
        replies.push_back(std::move(*reply));
    }
    stream_ = std::move(stream);
    co_return replies;
}

Task<std::optional<SharedServer::Replies>> SharedServer::ask(std::string requests,
                                                             std::size_t count) {
    if (is_away()) {
        co_return std::nullopt;
    }
    Deadline deadline = Deadline::after(kPatience);
    std::string trouble = "it takes too long";
    // A connection that was kept may have been closed by a server that was restarted.
    for (bool kept = true; kept;) {
        try {
            Semaphore::Place turn = co_await turn_.take(deadline);
            kept = stream_ != nullptr;
            auto replies = co_await converse(requests, count, deadline);
            if (replies) {
                told_ = false;
                co_return std::move(*replies);
            }
            trouble = replies.error().message;
        } catch (const TimedOut&) {
            break;
        } catch (const IoError& error) {
            trouble = error.what();
        }
    }
    note_trouble(trouble);
    co_return std::nullopt;
}

Task<std::optional<int>> SharedServer::add_one(std::string key, std::chrono::seconds keep) {
    if (!is_usable(key)) {
        co_return std::nullopt;
    }
    std::string seconds = seconds_text(keep);
    if (protocol_ == SharedProtocol::kRedis) {
        std::string begin = redis_request({"SET", key, "0", "EX", seconds, "NX"});
        auto replies = co_await ask(begin + redis_request({"INCR", key}), 2);
        bool counted = replies && (*replies)[1].line.starts_with(':');
        co_return counted ? number_in((*replies)[1].line.substr(1)) : std::nullopt;
    }
    // Whoever adds it first, it is there for the second try.
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto replies = co_await ask(format("incr {} 1\r\n", key), 1);
        if (!replies || (*replies)[0].line != "NOT_FOUND") {
            co_return replies ? number_in((*replies)[0].line) : std::nullopt;
        }
        replies = co_await ask(format("add {} 0 {} 1\r\n1\r\n", key, seconds), 1);
        if (!replies || (*replies)[0].line == "STORED") {
            co_return replies ? std::optional(1) : std::nullopt;
        }
    }
    co_return std::nullopt;
}

Task<std::optional<std::string>> SharedServer::get(std::string key) {
    if (!is_usable(key)) {
        co_return std::nullopt;
    }
    auto replies = co_await ask(protocol_ == SharedProtocol::kRedis ? redis_request({"GET", key})
                                                                    : format("get {}\r\n", key),
                                1);
    co_return replies ? std::move((*replies)[0].data) : std::nullopt;
}

Task<std::optional<int>> SharedServer::count(std::string key) {
    auto value = co_await get(std::move(key));
    co_return value ? number_in(*value) : std::nullopt;
}

Task<void> SharedServer::put(std::string key, std::string value, std::chrono::seconds keep) {
    if (!is_usable(key) || value.size() > kLongestSharedValue) {
        co_return;
    }
    std::string seconds = seconds_text(keep);
    std::string request =
        protocol_ == SharedProtocol::kRedis
            ? redis_request({"SET", key, value, "EX", seconds})
            : format("set {} 0 {} {}\r\n{}\r\n", key, seconds, value.size(), value);
    auto ignored = co_await ask(std::move(request), 1);
    static_cast<void>(ignored);
}

Task<void> SharedServer::remove(std::string key) {
    if (!is_usable(key)) {
        co_return;
    }
    auto ignored = co_await ask(protocol_ == SharedProtocol::kRedis ? redis_request({"DEL", key})
                                                                    : format("delete {}\r\n", key),
                                1);
    static_cast<void>(ignored);
}

}  // namespace relais
