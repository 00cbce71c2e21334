#include "smtpd/elsewhere.h"

#include <array>
#include <utility>

#include "lib/access/backend_login.h"
#include "lib/access/hand_through.h"
#include "lib/access/session_log.h"
#include "lib/access/smtp_backend.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/errors.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

constexpr ProxyPorts kPorts{587, 465};

std::optional<SocketAddress> address_of(const std::string& host, const std::string& port) {
    return SocketAddress::parse(host, static_cast<std::uint16_t>(parse_uint(port).value_or(0)));
}

ProxiedClient proxied_client(const Session& session) {
    const auto& client = session.client;
    return {address_of(client.address, client.port).value_or(SocketAddress()),
            address_of(session.server_address, session.server_port).value_or(SocketAddress()),
            session.hops_left - 1};
}

// What XCLIENT tells of the client, in its words.
struct Introduction {
    std::string name, reverse_name, address, server_address, hops;
    std::array<smtp::XforwardAttribute, 9> attributes;

    explicit Introduction(const Session& session)
        : name(name_told(session.client.name, session.client.name_code)),
          reverse_name(name_told(session.client.reverse_name, session.client.reverse_name_code)),
          address(xclient_address(proxied_client(session).remote)),
          server_address(xclient_address(proxied_client(session).local)),
          hops(std::to_string(session.hops_left - 1)),
          attributes{{{"NAME", name},
                      {"REVERSE_NAME", reverse_name},
                      {"ADDR", address},
                      {"PORT", port_told(address, session.client.port)},
                      {"HELO", session.helo},
                      {"PROTO", session.extended ? "ESMTP" : "SMTP"},
                      {"DESTADDR", server_address},
                      {"DESTPORT", port_told(server_address, session.server_port)},
                      {"TTL", hops}}} {}

    Introduction(const Introduction&) = delete;
    Introduction& operator=(const Introduction&) = delete;

    static std::string name_told(const std::string& name, int code) {
        return code == 2 ? name : code == 4 ? "[TEMPUNAVAIL]" : "[UNAVAILABLE]";
    }

    static std::string_view port_told(const std::string& of_address, const std::string& port) {
        return of_address.empty() ? std::string_view() : std::string_view(port);
    }
};

// RFC 4954
class SubmissionLogin {
  public:
    SubmissionLogin(Stream& stream, ProxyBackends& backends, const ProxyTarget& target)
        : target_(target), server_(stream, backends, target, "EHLO") {}

    Task<Result<BackendAnswer>> run(const Session* session) {
        const Introduction introduction(*session);
        auto begun = co_await server_.begin(introduction.attributes, session->helo);
        if (!begun) {
            co_return fail_with(begun);
        }
        if (!server_.capabilities().has("AUTH")) {
            co_return fail(Errc::kTemporary, "the server offers no AUTH");
        }
        auto proof = backend_proof(target_);
        if (!proof) {
            co_return fail_with(proof);
        }
        auto reply = co_await server_.ask(format("AUTH {} {}", proof->mechanism, proof->response));
        if (reply.code == 334 && !proof->end.empty()) {
            reply = co_await server_.ask(proof->end);
        }
        co_return judge(reply);
    }

  private:
    static Result<BackendAnswer> judge(const smtp::Reply& reply) {
        if (reply.klass() != 2 && reply.klass() != 4 && reply.klass() != 5) {
            return fail(Errc::kTemporary, "AUTH: " + printable(reply.one_line()));
        }
        BackendAnswer answer;
        answer.accepted = reply.klass() == 2;
        answer.wrong = reply.code == 535;
        answer.text = passed_reply(reply);
        return answer;
    }

    const ProxyTarget& target_;
    SmtpBackend server_;
};

Result<ProxyTarget> target_of(const Session& session, const AuthReply& answer) {
    ProxyPath path;
    path.hops_left = session.hops_left;
    path.add(address_of(session.server_address, session.server_port));
    path.add(SocketAddress::local_of(session.stream->fd()));
    return proxy_target(answer.parameters, answer.user, kPorts, path);
}

struct Entered {
    std::unique_ptr<Stream> server;
    BackendAnswer answer;
};

// The error is for the log.
Task<Result<Entered>> enter(const Session* session, const ProxyTarget* target) {
    std::string trouble = "the server takes too long";
    try {
        auto& backends = *session->site.backends;
        auto server = co_await backends.connect(*target, proxied_client(*session));
        if (!server) {
            co_return fail_with(server);
        }
        SubmissionLogin login(**server, backends, *target);
        auto answer = co_await login.run(session);
        if (!answer) {
            co_return fail_with(answer);
        }
        co_return Entered{std::move(*server), std::move(*answer)};
    } catch (const TimedOut&) {
    } catch (const IoError& error) {
        trouble = error.what();
    }
    co_return fail(Errc::kTemporary, trouble);
}

// A guess at a password looks to log readers like any other.
void note_refusal(Session* session, const BackendAnswer& answer, const std::string& method,
                  const std::string& user) {
    session->login.refused = answer.wrong;
    if (answer.wrong) {
        log_warning("{}: SASL {} authentication failed: {}, sasl_username={}",
                    session->client.label, printable(method.substr(0, 100)), printable(answer.text),
                    printable(user.substr(0, 100)));
    }
}

}  // namespace

bool is_elsewhere(const Session& session, const AuthReply& answer) {
    return session.site.backends && answer.parameters.has("proxy");
}

Task<Outcome> log_in_elsewhere(Session* session, std::string method, AuthReply answer) {
    const auto began = std::chrono::steady_clock::now();
    const auto target = target_of(*session, answer);
    const auto who = proxy_of(answer.user, target ? target->address.to_string() : "");
    const auto whom =
        format("{}, method={}, rip={}, lip={}{}", user_in_brackets(answer.user), uppercase(method),
               session->client.address, session->server_address, session->tls ? ", TLS" : "");
    auto entered = target ? co_await enter(session, &*target) : fail_with(target);
    if (!entered) {
        log_warning("{}: {}: {}", who, printable(entered.error().message), whom);
        session->reply("454 4.7.0 Account is temporarily unavailable.");
        co_return Outcome::kFailed;
    }
    session->reply(entered->answer.text);
    if (!entered->answer.accepted) {
        note_refusal(session, entered->answer, method, answer.user);
        log_info("{}: Login failed: {}: {}", who, printable(entered->answer.text), whom);
        co_return Outcome::kFailed;
    }
    log_info("{}: {}: {}", who, started_proxying(target->host, began), whom);
    session->elsewhere =
        std::make_unique<Elsewhere>(Elsewhere{std::move(entered->server), who, whom});
    session->hang_up();
    co_return Outcome::kDone;
}

Task<void> stay_elsewhere(Session* session) {
    auto& elsewhere = *session->elsewhere;
    co_await session->stream->flush();
    const auto passage = co_await hand_through(session->stream.get(), elsewhere.server.get());
    log_info("{}: {}: {}", elsewhere.who, passage.summary(), elsewhere.whom);
}

}  // namespace relais::smtpd
