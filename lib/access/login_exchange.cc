// The exchange with auth, and how a logged-in connection leaves.
#include <algorithm>
#include <array>

#include <sys/socket.h>

#include "lib/access/login_session.h"
#include "lib/access/session_log.h"
#include "lib/base/base64.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/pump.h"
#include "lib/event/task_group.h"

namespace relais {

namespace {

constexpr int kMaxFailures = 10;
constexpr std::size_t kMaxResponse = 8192;
constexpr std::chrono::hours kQuietTime{24 * 365};

}  // namespace

Task<void> LoginSession::log_in(std::string tag, std::string_view user, std::string_view password) {
    if (!plaintext_allowed()) {
        end_.note_disallowed();
        refuse(tag, Refusal::kPrivacy, "");
        co_return;
    }
    std::string response;
    response += '\0';
    response += user;
    response += '\0';
    response += password;
    co_await exchange(std::move(tag), "PLAIN", base64_encode(response));
}

Task<void> LoginSession::authenticate(std::string tag, std::string mechanism,
                                      std::optional<std::string> initial) {
    if (lacks_tls()) {
        refuse(tag, Refusal::kPrivacy, "");
        co_return;
    }
    if (initial && !base64_decode(*initial)) {
        refuse(tag, Refusal::kBadInitial, "");
        co_return;
    }
    std::string name = uppercase(mechanism);
    auto offered = co_await site_.mechanisms();
    auto found = std::ranges::find(offered, name, &AuthMechanism::name);
    if (found == offered.end() || !can_use(*found)) {
        refuse(tag,
               !plaintext_allowed() ? Refusal::kPrivacy
               : offered.empty()    ? Refusal::kUnavailable
                                    : Refusal::kUnsupported,
               "");
        co_return;
    }
    if (found->plaintext && !plaintext_allowed()) {
        end_.note_disallowed();
        refuse(tag, Refusal::kPrivacy, "");
        co_return;
    }
    co_await exchange(std::move(tag), std::move(name), std::move(initial));
}

// Of a proxy that has not said for whom it connects nothing is known that could be limited.
Task<LoginFailures::Attempt> LoginSession::begin_attempt() {
    if (trusted_ && !told_origin_) {
        co_return LoginFailures::Attempt();
    }
    co_return co_await site_.limits().begin_login(remote_);
}

Task<void> LoginSession::exchange(std::string tag, std::string mechanism,
                                  std::optional<std::string> initial) {
    AuthExchange exchange(site_.auth());
    auto attempt = co_await begin_attempt();
    if (attempt.refused() > 0) {
        refuse(tag, Refusal::kTooManyFailures, "");
        stream_.write(bye(Bye::kFailures));
        end_.because("Too many failed logins");
        done_ = true;
        co_return;
    }
    auto reply = co_await prove(&exchange, tag, mechanism, std::move(initial));
    if (!reply) {
        co_return;
    }
    if (reply->kind == AuthReply::Kind::kSuccess && reply->parameters.has("proxy")) {
        co_await pass_on(std::move(tag), std::move(mechanism), std::move(*reply),
                         std::move(attempt));
        co_return;
    }
    if (reply->kind == AuthReply::Kind::kFailure) {
        co_await site_.limits().login_failed(std::move(attempt));
    }
    if (reply->kind != AuthReply::Kind::kSuccess) {
        note_failure(tag, mechanism, *reply);
        co_return;
    }
    finish(std::move(attempt));
    co_await hand_over(std::move(tag), std::move(mechanism), reply->user, &exchange);
}

Task<std::optional<AuthReply>> LoginSession::prove(AuthExchange* exchange, std::string tag,
                                                   std::string mechanism,
                                                   std::optional<std::string> initial) {
    AuthPeer peer = auth_peer();
    auto offered = co_await site_.mechanisms();
    // What is not offered, nobody can have hidden from the client.
    if (std::ranges::any_of(offered,
                            [](const auto& each) { return each.name.ends_with("-PLUS"); })) {
        peer.bindings = {tls_info_.exporter_binding, tls_info_.server_end_point};
    }
    end_.begin_exchange(mechanism);
    AuthReply reply = co_await exchange->start(mechanism, std::move(peer), std::move(initial));
    while (reply.kind == AuthReply::Kind::kChallenge) {
        stream_.write("+ " + reply.challenge + "\r\n");
        std::string response = co_await read_response();
        if (response == "*" || !base64_decode(response)) {
            refuse(tag, response == "*" ? Refusal::kCancelled : Refusal::kBadResponse, "");
            co_return std::nullopt;
        }
        reply = co_await exchange->respond(std::move(response));
    }
    end_.end_exchange();
    co_return reply;
}

// A line of its own, in answer to "+".
Task<std::string> LoginSession::read_response() {
    for (;;) {
        std::string_view input = stream_.buffered();
        auto end = input.find('\n');
        if (std::min(end, input.size()) > kMaxResponse) {
            throw IoError("response too long");
        }
        if (end != std::string_view::npos) {
            std::string line(trim_right(input.substr(0, end), "\r"));
            stream_.consume(end + 1);
            co_return line;
        }
        bool more = co_await stream_.fill();
        if (!more) {
            throw EndOfStream();
        }
    }
}

void LoginSession::note_failure(const std::string& tag, const std::string& mechanism,
                                const AuthReply& reply) {
    std::string_view told = reply.parameters.get(kAuthLogReason);
    std::string reason = printable(told.empty() ? std::string_view(reply.reason) : told);
    bool temporary = reply.kind == AuthReply::Kind::kTemporary;
    // In smtpd's words: what log readers must not take for a wrong password says so, or names the
    // connection.
    bool put_off = reply.parameters.has("temp");
    log_warning("unknown[{}]: SASL {} authentication {}: {}, sasl_username={}", remote_, mechanism,
                put_off ? "failed temporarily" : "failed",
                reason.empty() ? "(reason unavailable)" : reason,
                reply.user.empty() ? "(unavailable)" : printable(reply.user.substr(0, 100)));
    if (!temporary && !put_off) {
        end_.note_guess(mechanism, reply.user);
    }
    if (temporary) {
        refuse(tag, Refusal::kUnavailable, "");
    } else if (reply.parameters.has("nologin")) {
        refuse(tag, Refusal::kDisabled, printable(reply.reason));
    } else {
        refuse(tag, reply.parameters.has("authz") ? Refusal::kNotAuthorized : Refusal::kWrong, "");
    }
    end_after_failure();
}

void LoginSession::end_after_failure() {
    if (++failures_ >= kMaxFailures) {
        stream_.write(bye(Bye::kFailures));
        end_.because("Too many failed logins");
        done_ = true;
    }
}

Task<void> LoginSession::hand_over(std::string tag, std::string mechanism, std::string user,
                                   const AuthExchange* exchange) {
    SessionHandoff handoff;
    handoff.cookie = exchange->cookie();
    handoff.client_pid = AuthClient::client_pid();
    handoff.request = exchange->id();
    handoff.tag = tag;
    handoff.remote_address = remote_;
    handoff.local_address = local_;
    handoff.secured = secured_;
    UniqueFd ours;
    UniqueFd theirs;
    if (secured_) {
        // The keys of the session are here: we stay in between.
        std::array<int, 2> pair{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) < 0) {
            throw IoError("socketpair", errno);
        }
        ours = UniqueFd(pair[0]);
        theirs = UniqueFd(pair[1]);
    } else {
        handoff.input = std::string(stream_.buffered());
    }
    co_await stream_.flush();
    int fd = secured_ ? theirs.get() : stream_.fd();
    // The password was right, and the session may have begun before we hear of it.
    give_up_place();
    auto passed = co_await site_.hand_over(fd, std::move(handoff));
    theirs.reset();
    if (!passed) {
        take_place();
        log_warning("user {}: hand-over: {}", printable(user), passed.error().message);
        bool limit = passed.error().code == Errc::kTemporary;
        refuse(tag, limit ? Refusal::kTooManySessions : Refusal::kInternal,
               printable(passed.error().message));
        co_return;
    }
    end_.be_silent();
    log_session(service(),
                format("Login: {}, method={}, {}", user_in_brackets(user), mechanism, origin()));
    done_ = true;
    co_await leave();
    if (secured_) {
        co_await relay(std::move(ours));
    }
}

Task<void> LoginSession::relay(UniqueFd to) {
    handed_over_ = true;
    stream_.set_deadline(Deadline());
    stream_.set_timeout(kQuietTime);
    Stream inside(std::move(to));
    inside.set_timeout(kQuietTime);
    TaskGroup upstream;
    upstream.spawn(pump(&stream_, &inside));
    co_await pump(&inside, &stream_);
    // The session has ended; what the client still says is of no interest.
    co_await upstream.close();
}

}  // namespace relais
