// How a login leaves whose mail is on another machine: logged in there, and handed through.
#include <utility>

#include "lib/access/hand_through.h"
#include "lib/access/login_session.h"
#include "lib/access/session_log.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/errors.h"

namespace relais {

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

Result<ProxyTarget> LoginSession::target_of(const AuthReply& reply) const {
    ProxyPath path;
    path.hops_left = hops_left_;
    path.add(SocketAddress::parse(local_, local_port_));
    path.add(SocketAddress::local_of(stream_.fd()));
    return proxy_target(reply.parameters, reply.user, site_.settings().proxy_ports, path);
}

Task<void> LoginSession::pass_on(std::string tag, std::string mechanism, AuthReply reply,
                                 LoginFailures::Attempt attempt) {
    auto began = std::chrono::steady_clock::now();
    auto target = target_of(reply);
    std::string whose = proxy_of(reply.user, target ? target->address.to_string() : "");
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
    log_session(service(),
                format("{}: {}: {}", whose, started_proxying(target->host, began), whom));
    co_await stay_between(login->stream.get(), std::move(whose), std::move(whom));
}

// Until either side has ended.
Task<void> LoginSession::stay_between(Stream* server, std::string whose, std::string whom) {
    give_up_place();
    co_await stream_.flush();
    co_await leave();
    Passage passage = co_await hand_through(&stream_, server);
    log_session(service(), format("{}: {}: {}", whose, passage.summary(), whom));
}

}  // namespace relais
