// LOGIN and AUTHENTICATE, and how a logged-in connection leaves.  RFC 3501 6.2.2, 6.2.3;
// SASL-IR: RFC 4959
#include <array>

#include <sys/socket.h>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/pump.h"
#include "lib/event/task_group.h"

#include "imapd/imap-login/session.h"

namespace relais {

namespace {

constexpr int kMaxFailures = 10;
constexpr std::size_t kMaxResponse = 8192;
constexpr std::chrono::hours kQuietTime{24 * 365};

}  // namespace

Task<void> LoginSession::login(Command& command) {
    imap::Scanner& scanner = command.arguments;
    auto user = scanner.space() ? scanner.astring() : std::nullopt;
    auto password = user && scanner.space() ? scanner.astring() : std::nullopt;
    if (!password || !scanner.at_end()) {
        answer(command.tag, "BAD Error in IMAP command LOGIN: Invalid arguments.");
        co_return;
    }
    if (!plaintext_allowed()) {
        answer(
            command.tag,
            "NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections.");
        co_return;
    }
    std::string response;
    response += '\0';
    response += *user;
    response += '\0';
    response += *password;
    co_await exchange(command.tag, "PLAIN", base64_encode(response));
}

Task<void> LoginSession::authenticate(Command& command) {
    imap::Scanner& scanner = command.arguments;
    auto mechanism = scanner.space() ? scanner.atom() : std::nullopt;
    std::optional<std::string> initial;
    if (mechanism && scanner.space()) {
        initial = std::string(scanner.rest());
        initial = *initial == "=" ? "" : *initial;
    } else if (!mechanism || !scanner.at_end()) {
        answer(command.tag, "BAD Error in IMAP command AUTHENTICATE: Invalid arguments.");
        co_return;
    }
    if (!plaintext_allowed()) {
        answer(
            command.tag,
            "NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections.");
        co_return;
    }
    if (initial && !base64_decode(*initial)) {
        answer(command.tag, "BAD Invalid base64 data in initial response.");
        co_return;
    }
    std::string name = uppercase(*mechanism);
    auto offered = co_await site_.mechanisms();
    if (std::ranges::find(offered, name) == offered.end()) {
        answer(command.tag, offered.empty() ? "NO [UNAVAILABLE] Temporary authentication failure."
                                            : "NO Unsupported authentication mechanism.");
        co_return;
    }
    co_await exchange(command.tag, std::move(name), std::move(initial));
}

AuthPeer LoginSession::auth_peer() const {
    AuthPeer peer;
    peer.service = "imap";
    peer.local_address = local_;
    peer.remote_address = remote_;
    peer.local_port = local_port_;
    peer.remote_port = remote_port_;
    peer.secured = secured_;
    peer.no_login = false;
    return peer;
}

Task<void> LoginSession::exchange(std::string tag, std::string mechanism,
                                  std::optional<std::string> initial) {
    AuthExchange exchange(site_.auth());
    auto reply = co_await prove(&exchange, tag, mechanism, std::move(initial));
    if (reply && reply->kind != AuthReply::Kind::kSuccess) {
        refuse(tag, mechanism, *reply);
    } else if (reply) {
        co_await hand_over(std::move(tag), std::move(mechanism), reply->user, &exchange);
    }
}

Task<std::optional<AuthReply>> LoginSession::prove(AuthExchange* exchange, std::string tag,
                                                   std::string mechanism,
                                                   std::optional<std::string> initial) {
    auto attempt = co_await site_.limits().begin_login(remote_);
    if (attempt.refused() > 0) {
        answer(tag, "NO [LIMIT] Too many failed logins from your address, try again later.");
        stream_.write("* BYE Too many failed logins.\r\n");
        done_ = true;
        co_return std::nullopt;
    }
    AuthReply reply = co_await exchange->start(mechanism, auth_peer(), std::move(initial));
    while (reply.kind == AuthReply::Kind::kChallenge) {
        stream_.write(format("+ {}\r\n", reply.challenge));
        std::string response = co_await read_response();
        if (response == "*" || !base64_decode(response)) {
            answer(tag, response == "*" ? "BAD Authentication aborted by client."
                                        : "BAD Invalid base64 data in response.");
            co_return std::nullopt;
        }
        reply = co_await exchange->respond(std::move(response));
    }
    if (reply.kind == AuthReply::Kind::kFailure) {
        co_await site_.limits().login_failed(std::move(attempt));
    }
    co_return reply;
}

// A line of its own, in answer to "+".
Task<std::string> LoginSession::read_response() {
    for (;;) {
        std::string_view input = stream_.buffered();
        auto end = input.find('\n');
        if (end != std::string_view::npos) {
            std::string line(trim_right(input.substr(0, end), "\r"));
            stream_.consume(end + 1);
            co_return line;
        }
        if (input.size() > kMaxResponse) {
            throw IoError("response too long");
        }
        bool more = co_await stream_.fill();
        if (!more) {
            throw EndOfStream();
        }
    }
}

void LoginSession::refuse(const std::string& tag, const std::string& mechanism,
                          const AuthReply& reply) {
    std::string_view told = reply.parameters.get(kAuthLogReason);
    std::string reason = printable(told.empty() ? std::string_view(reply.reason) : told);
    bool temporary = reply.kind == AuthReply::Kind::kTemporary;
    if (reason.empty()) {
        reason = temporary ? "temporary failure" : "reason unavailable";
    } else if (temporary) {
        reason = "temporary failure: " + reason;
    }
    log_warning("unknown[{}]: SASL {} authentication failed: {}, sasl_username={}", remote_,
                mechanism, reason,
                reply.user.empty() ? "(unavailable)" : printable(reply.user.substr(0, 100)));
    answer(tag, temporary ? "NO [UNAVAILABLE] Temporary authentication failure."
                          : "NO [AUTHENTICATIONFAILED] Authentication failed.");
    if (++failures_ >= kMaxFailures) {
        stream_.write("* BYE Too many failed logins.\r\n");
        done_ = true;
    }
}

Task<void> LoginSession::hand_over(std::string tag, std::string mechanism, std::string user,
                                   const AuthExchange* exchange) {
    ImapHandoff handoff;
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
    auto passed = co_await site_.hand_over(fd, std::move(handoff));
    theirs.reset();
    if (!passed) {
        log_warning("user {}: hand-over: {}", printable(user), passed.error().message);
        bool limit = passed.error().code == Errc::kTemporary;
        answer(tag, limit ? "NO [LIMIT] " + printable(passed.error().message)
                          : std::string("NO [UNAVAILABLE] Internal error, try again later."));
        co_return;
    }
    log_info("login: user={}, method={}, client=[{}]{}", printable(user), mechanism, remote_,
             secured_ ? ", TLS" : "");
    done_ = true;
    co_await leave();
    if (secured_) {
        co_await relay(std::move(ours));
    }
}

Task<void> LoginSession::relay(UniqueFd to) {
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
