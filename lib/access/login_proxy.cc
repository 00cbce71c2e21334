// How a login leaves whose mail is on another machine: logged in there, and handed through.
#include <algorithm>
#include <exception>
#include <utility>

#include <sys/socket.h>

#include "lib/access/login_session.h"
#include "lib/access/session_log.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/errors.h"
#include "lib/event/pump.h"

namespace relais {

namespace {

constexpr std::chrono::hours kQuietTime{24 * 365};
// How long the server may go on where the client has ended.
constexpr std::chrono::seconds kLastWords{30};

struct Passage {
    Pumped up;
    Pumped down;
    bool client_ended = false;
};

Task<void> hand_up(Stream* client, Stream* server, Passage* passage) {
    co_await pump(client, server, &passage->up);
    passage->client_ended = true;
    co_await sleep_for(kLastWords);
    ::shutdown(server->fd(), SHUT_RDWR);
}

// Both ways, until the server has ended.
Task<Passage> hand_through(Stream* client, Stream* server) {
    for (Stream* each : {client, server}) {
        each->set_deadline(Deadline());
        each->set_timeout(kQuietTime);
    }
    Passage passage;
    TaskGroup up;
    up.spawn(hand_up(client, server, &passage));
    std::exception_ptr cancelled;
    try {
        co_await pump(server, client, &passage.down);
    } catch (const Cancelled&) {
        cancelled = std::current_exception();
    }
    Passage ended = passage;  // who ended first
    co_await up.close();
    if (cancelled) {
        std::rethrow_exception(cancelled);
    }
    co_return ended;
}

}  // namespace

// To where the client says that it has come, or where it really has.
bool LoginSession::leads_back(const ProxyTarget& target) const {
    auto told = SocketAddress::parse(local_, local_port_);
    auto own = SocketAddress::local_of(stream_.fd());
    return (told && *told == target.address) || (own && *own == target.address);
}

ProxiedClient LoginSession::proxied_client() const {
    ProxiedClient client;
    client.remote = SocketAddress::parse(remote_, remote_port_).value_or(SocketAddress());
    client.local = SocketAddress::parse(local_, local_port_).value_or(SocketAddress());
    client.hops_left = hops_left_ - 1;
    return client;
}

// What comes of the time that the target leaves, and of a server that hangs up, is the server's
// trouble, and not the end of this session.
Task<Result<LoginSession::ElsewhereLogin>> LoginSession::log_in_elsewhere(
    const ProxyTarget* target) {
    std::string trouble;
    try {
        auto stream = co_await site_.backends().connect(*target, proxied_client());
        if (!stream) {
            co_return fail_with(stream);
        }
        auto answer = co_await log_in_at(stream->get(), target);
        if (!answer) {
            co_return fail_with(answer);
        }
        co_return ElsewhereLogin{std::move(*stream), std::move(*answer)};
    } catch (const TimedOut&) {
        trouble = "the server takes too long";
    } catch (const IoError& error) {
        trouble = error.what();
    }
    co_return fail(Errc::kTemporary, trouble);
}

// Where the target is this very socket, or there were too many proxies already, nothing good would
// come of going on.
Result<ProxyTarget> LoginSession::target_of(const AuthReply& reply) const {
    auto target = proxy_target(reply.parameters, reply.user, site_.settings().proxy_ports);
    if (target && leads_back(*target)) {
        return fail(Errc::kSyntax, "the proxied connection would come back here");
    }
    if (target && hops_left_ <= 1) {
        return fail(Errc::kSyntax, "TTL reached zero: proxies appear to be looping");
    }
    return target;
}

Task<void> LoginSession::pass_on(std::string tag, std::string mechanism, AuthReply reply,
                                 LoginFailures::Attempt attempt) {
    auto began = std::chrono::steady_clock::now();
    auto target = target_of(reply);
    std::string whose = format("proxy({}{}{})", shown_name(reply.user), target ? "," : "",
                               target ? target->address.to_string() : "");
    std::string whom =
        format("{}, method={}, {}", user_in_brackets(reply.user), mechanism, origin());
    auto login = target ? co_await log_in_elsewhere(&*target) : fail_with(target);
    if (!login) {
        log_warning("{}: {}: {}", whose, printable(login.error().message), whom);
        refuse(tag, Refusal::kElsewhere, "");
        co_return;
    }
    forward(tag, login->answer);
    if (!login->answer.accepted) {
        log_session(service(),
                    format("{}: Login failed: {}: {}", whose, printable(login->answer.text), whom));
        if (login->answer.wrong) {
            end_.note_guess(mechanism, reply.user);
            co_await site_.limits().login_failed(std::move(attempt));
        }
        end_after_failure();
        co_return;
    }
    finish(std::move(attempt));
    end_.be_silent();
    done_ = true;
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    log_session(service(), format("{}: Started proxying to <{}> ({:.3f} secs): {}", whose,
                                  printable(target->host), took.count(), whom));
    co_await stay_between(login->stream.get(), std::move(whose), std::move(whom));
}

// Until either side has ended.
Task<void> LoginSession::stay_between(Stream* server, std::string whose, std::string whom) {
    give_up_place();
    co_await stream_.flush();
    co_await leave();
    Passage passage = co_await hand_through(&stream_, server);
    auto idle = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::steady_clock::now() - std::max(passage.up.last, passage.down.last));
    log_session(service(), format("{}: Disconnected by {} ({}s idle, in={}, out={}): {}", whose,
                                  passage.client_ended ? "client" : "server", idle.count(),
                                  passage.up.bytes, passage.down.bytes, whom));
}

}  // namespace relais
