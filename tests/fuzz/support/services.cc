#include "tests/fuzz/support/services.h"

#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/socket_address.h"
#include "lib/event/errors.h"
#include "lib/event/socket.h"
#include "lib/event/stream.h"
#include "lib/event/task_group.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/bounce_client.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/ipc/flush_client.h"
#include "lib/ipc/rewrite_client.h"
#include "lib/ipc/session_handoff.h"
#include "lib/mail/address.h"
#include "lib/sasl/auth_server.h"

namespace relais::fuzz {

namespace {

constexpr std::size_t kLongestRecord = std::size_t{1} << 20;

UniqueFd listen_at(const sockaddr* address, socklen_t size) {
    UniqueFd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::bind(fd.get(), address, size) != 0 || ::listen(fd.get(), 64) != 0) {
        std::abort();
    }
    return fd;
}

// Whoever hangs up in the middle has ended his conversation, and nothing else.
Task<void> attend(Task<void> conversation) {
    try {
        co_await std::move(conversation);
    } catch (const IoError&) {
        // He has.
    }
}

Task<void> accept_all(Listener* listener, TaskGroup* sessions, Task<void> (*serve)(UniqueFd)) {
    for (;;) {
        UniqueFd client = co_await listener->accept();
        sessions->spawn(attend(serve(std::move(client))));
    }
}

// As long as the process lives.
void attend_all(UniqueFd listening, Task<void> (*serve)(UniqueFd)) {
    static auto* const running = new TaskGroup;
    auto* listener = new Listener(std::move(listening));
    running->spawn(accept_all(listener, running, serve));
}

// Content is lines or parts of lines: with a line end in it, one would be two.  What is in the
// envelope goes into requests, where a NUL ends it.
void check_record(const Record& record) {
    const bool content = record.type == Rec::kLine || record.type == Rec::kLinePart;
    if (record.data.contains(content ? '\n' : '\0')) {
        std::abort();
    }
}

// The records of a message, up to its end.  False where the client goes before that.
Task<bool> take_records(Stream* stream) {
    for (;;) {
        DecodeResult next = decode_record(stream->buffered(), kLongestRecord);
        if (next.status == Decoded::kBad) {
            std::abort();
        }
        if (next.status == Decoded::kNeedMore) {
            bool more = co_await stream->fill();
            if (!more) {
                co_return false;
            }
            continue;
        }
        check_record(next.record);
        const bool end = next.record.type == Rec::kEnd;
        stream->consume(next.used);
        if (end) {
            co_return true;
        }
    }
}

std::string resolution(const std::string& address) {
    const std::string domain(split_address(address).domain);
    const bool local = domain.empty() || domain == "mail.test";
    AttrWriter reply;
    reply.number("flags", 0).string("transport", local ? "local" : "smtp");
    reply.string("nexthop", domain).string("recipient", address);
    const bool malformed = address.empty() || address.starts_with('@');
    reply.number("flags",
                 (local ? kResolveLocal : kResolveDefault) | (malformed ? kResolveError : 0));
    return reply.end().take();
}

std::string auth_entry(const std::string& id, std::string_view user) {
    const bool known = user.substr(0, user.find('@')) == "bob";
    if (!known) {
        return AuthLine("NOTFOUND").field(id).finish();
    }
    return AuthLine("USER")
        .field(id)
        .field(user)
        .field("uid", "1")
        .field("gid", "1")
        .field("home", "/nonexistent")
        .finish();
}

std::string answer_check(AuthServerSession& session, const AuthCheck& check) {
    const std::string id = std::to_string(check.id);
    const Credentials& who = check.credentials;
    const bool proven = who.proof == Proof::kRight || who.proof == Proof::kVouched;
    if (proven || (who.proof == Proof::kNone && who.password == "secret")) {
        session.forget(check.id);
        return AuthLine("OK").field(id).field("user", who.user).finish();
    }
    return session.refused(check.id, AuthLine("FAIL").field(id).field("user", who.user).finish());
}

// All that is to be sent after a line.
std::string answers(AuthServerSession& session, AuthServerSession::Step step) {
    std::string out = std::move(step.output);
    if (step.check) {
        out += answer_check(session, *step.check);
    }
    if (step.secret) {
        out += answers(session, session.secret(step.secret->id, "{PLAIN}secret", "PLAIN"));
    }
    if (step.foreign) {
        out += answers(session, session.foreign(step.foreign->id, SaslStep()));
    }
    if (step.request && step.request->size() > 2) {
        out += auth_entry((*step.request)[1], (*step.request)[2]);
    }
    return out;
}

// A service that answers each request with a number: that all is well.
Task<void> serve_status(UniqueFd fd, std::string_view protocol) {
    Stream stream(std::move(fd));
    stream.write(AttrWriter().string("protocol", protocol).end().bytes());
    auto request = co_await read_attributes(&stream);
    if (request) {
        stream.write(AttrWriter().number("status", 0).end().bytes());
        co_await stream.flush();
    }
}

}  // namespace

void offer(const std::string& path, Task<void> (*serve)(UniqueFd)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    attend_all(listen_at(reinterpret_cast<const sockaddr*>(&address), sizeof(address)), serve);
}

std::string offer_port(Task<void> (*serve)(UniqueFd)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    UniqueFd fd = listen_at(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    auto chosen = SocketAddress::local_of(fd.get());
    attend_all(std::move(fd), serve);
    return std::to_string(chosen ? chosen->port() : 0);
}

Task<void> serve_cleanup(UniqueFd fd) {
    Stream stream(std::move(fd));
    stream.write(
        AttrWriter().string("protocol", kCleanupProtocol).string("queue_id", "4ABC").end().bytes());
    auto flags = co_await read_attributes(&stream);
    if (!flags) {
        co_return;
    }
    bool complete = co_await take_records(&stream);
    if (complete) {
        stream.write(AttrWriter().number("status", kCleanupOk).string("reason", "").end().bytes());
        co_await stream.flush();
    }
}

Task<void> serve_rewrite(UniqueFd fd) {
    Stream stream(std::move(fd));
    stream.write(AttrWriter().string("protocol", kRewriteProtocol).end().bytes());
    for (;;) {
        auto request = co_await read_attributes(&stream);
        if (!request) {
            co_return;
        }
        AttrReader reader(*request);
        const bool rewrite = reader.string("request") == "rewrite";
        std::string address = reader.string("address");
        stream.write(rewrite
                         ? AttrWriter().number("flags", 0).string("address", address).end().take()
                         : resolution(address));
    }
}

Task<void> serve_flush(UniqueFd fd) {
    return serve_status(std::move(fd), kFlushProtocol);
}

Task<void> serve_bounce(UniqueFd fd) {
    return serve_status(std::move(fd), kBounceProtocol);
}

Task<void> serve_handoffs(UniqueFd fd) {
    Stream stream(std::move(fd));
    for (;;) {
        UniqueFd client = co_await stream.receive_fd();
        auto list = co_await read_attributes(&stream);
        if (!list || !SessionHandoff::parse(*list)) {
            std::abort();
        }
        stream.write(handoff_answer(HandoffStatus::kTaken, ""));
        co_await stream.flush();
    }
}

Task<void> serve_auth(UniqueFd fd) {
    static std::uint32_t connections = 0;
    SaslContext context;
    context.anonymous_user = "anonymous";
    Stream stream(std::move(fd));
    AuthServerSession session(
        {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "OAUTHBEARER",
         "XOAUTH2", "EXTERNAL", "ANONYMOUS", "APOP", "GSSAPI"},
        ++connections, context);
    stream.write(session.greeting());
    for (bool more = true; more; more = co_await stream.fill()) {
        std::string_view input = stream.buffered();
        for (auto end = input.find('\n'); end != std::string_view::npos; end = input.find('\n')) {
            AuthServerSession::Step step = session.line(input.substr(0, end));
            if (step.hang_up) {
                co_return;
            }
            input.remove_prefix(end + 1);
            stream.write(answers(session, std::move(step)));
        }
        if (input.size() > kMaxAuthLine) {
            co_return;
        }
        stream.consume(stream.buffered().size() - input.size());
    }
}

}  // namespace relais::fuzz
