#include "smtp/login.h"

#include <ctime>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/sasl/cyrus_client.h"
#include "lib/sasl/password.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

namespace {

using Outcome = std::optional<DeliveryStatus>;

// Its own library or its process could not go on.
Outcome cannot_authenticate(const Session& session, std::string_view reason) {
    DeliveryStatus status =
        local_trouble("4.7.0", format("SASL authentication failed; cannot authenticate to server "
                                      "{}: {}",
                                      session.name(), reason));
    status.diag_type = "x-sasl";
    status.diag_text = reason;
    return status;
}

// `server` as the text names it.
Outcome refused(const Session& session, smtp::Reply reply, bool soft_bounce, std::string_view how,
                const std::string& server) {
    if (soft_bounce && reply.dsn.starts_with('5')) {
        reply.dsn[0] = '4';
    }
    return server_trouble(session.host(), reply,
                          format("SASL {}authentication failed; server {} said: {}", how, server,
                                 printable(reply.text)));
}

Logins::Channel channel_of(const Session& session) {
    if (!session.tls) {
        return Logins::Channel::kClear;
    }
    return session.tls->trust == TlsTrust::kVerified ? Logins::Channel::kVerifiedTls
                                                     : Logins::Channel::kTls;
}

std::string reason_of(const AuthReply& reply) {
    return reply.reason.empty() || !reply.by_server ? "generic failure" : reply.reason;
}

class Login {
  public:
    Login(Client* client, Session* session, const Credentials* credentials)
        : client_(client), session_(session), credentials_(credentials) {}

    Task<Outcome> run() {
        auto known = co_await find_refusal();
        if (known) {
            co_return known;
        }
        auto lease = co_await client_->logins->take();
        if (!lease) {
            log_warning("SASL: {}", lease.error().message);
            co_return cannot_authenticate(*session_, "generic failure");
        }
        co_return co_await converse(&*lease);
    }

  private:
    [[nodiscard]] Task<Outcome> find_refusal() {
        RefusedLogins* refused_logins = client_->logins->refused();
        if (refused_logins == nullptr) {
            co_return std::nullopt;
        }
        auto found = co_await refused_logins->find(session_->host(), credentials_->user,
                                                   credentials_->password);
        if (!found) {
            co_return std::nullopt;
        }
        smtp::Reply reply;
        reply.code = 535;
        reply.dsn = found->dsn;
        reply.text = found->text;
        co_return refused(*session_, std::move(reply), client_->logins->soft_bounce(), "[CACHED] ",
                          session_->host());
    }

    CyrusLogin description() const {
        CyrusLogin login;
        login.service = client_->settings.prefix;
        login.host = session_->host();
        login.security = client_->logins->security(channel_of(*session_));
        login.mechanisms = session_->mechanisms;
        login.user = credentials_->user;
        login.password = credentials_->password;
        login.token_mechanisms = client_->logins->for_tokens(session_->mechanisms);
        login.send_authorization = conf().send_cyrus_sasl_authzid();
        return login;
    }

    // A lease that ends while its worker works is not used again.
    [[nodiscard]] Task<Outcome> converse(CyrusWorkers::Lease* lease) {
        AuthExchange exchange(lease->client());
        AuthReply step = co_await exchange.start_as_client(description().fields());
        std::string command = "AUTH " + step.challenge;
        std::string shown = command.substr(0, command.find(' ', 5));
        while (step.kind == AuthReply::Kind::kChallenge) {
            lease->rests();
            session_->send_secret(command, shown);
            smtp::Reply reply = co_await session_->reply(client_->settings.helo_timeout);
            if (reply.klass() != 3) {
                co_return co_await conclude(std::move(reply));
            }
            lease->works();
            step = co_await exchange.respond(std::string(sasl_challenge(reply.text)));
            command = std::move(step.challenge);
            shown.clear();
        }
        if (step.by_server) {
            lease->rests();
        } else {
            log_warning("SASL: the login worker for {} gave no answer", session_->name_with_port());
        }
        co_return cannot_authenticate(*session_, reason_of(step));
    }

    [[nodiscard]] Task<Outcome> conclude(smtp::Reply reply) {
        if (reply.klass() == 2) {
            session_->logged_in = true;
            co_return std::nullopt;
        }
        RefusedLogins* refused_logins = client_->logins->refused();
        if (refused_logins != nullptr && reply.code == 535) {
            RefusedLogin login;
            login.time = std::time(nullptr);
            login.password = sha1_of_password(credentials_->password);
            login.dsn = reply.dsn;
            login.text = reply.text;
            co_await refused_logins->store(session_->host(), credentials_->user, std::move(login));
        }
        co_return refused(*session_, std::move(reply), client_->logins->soft_bounce(), "",
                          session_->name());
    }

    Client* client_;
    Session* session_;
    const Credentials* credentials_;
};

}  // namespace

Task<Outcome> note_mechanisms(Client* client, Session* session) {
    session->mechanisms.clear();
    const auto offered = session->capabilities.arguments("AUTH");
    if (!client->logins || !offered) {
        co_return std::nullopt;
    }
    auto usable = co_await client->logins->filter(std::string(*offered));
    if (!usable) {
        co_return local_data_error(session->name());
    }
    session->mechanisms = std::move(*usable);
    if (offered->empty()) {
        log_warning("{} offered null AUTH mechanism list", session->name_with_port());
    } else if (session->mechanisms.empty()) {
        log_warning("{} offered no supported AUTH mechanisms: '{}'", session->name_with_port(),
                    *offered);
    }
    co_return std::nullopt;
}

Task<Outcome> log_in(Client* client, Session* session, LoginPurpose purpose) {
    if (!client->logins || !session->capabilities.has("AUTH")) {
        co_return std::nullopt;
    }
    auto credentials = co_await client->logins->find(std::move(purpose));
    if (!credentials) {
        co_return local_data_error(session->name());
    }
    if (!*credentials) {
        co_return std::nullopt;
    }
    if (session->mechanisms.empty()) {
        co_return local_trouble(
            "4.7.0", format("SASL authentication failed: server {} offered no compatible "
                            "authentication mechanisms for this type of connection "
                            "security",
                            session->name()));
    }
    Login login(client, session, &**credentials);
    co_return co_await login.run();
}

}  // namespace relais::smtp_client
