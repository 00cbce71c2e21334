#include "imapd/auth/kerberos.h"

#include <algorithm>

#include "lib/base/base64.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/sasl/cyrus_server.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kGrace{5};

CyrusSettings settings() {
    CyrusSettings out;
    out.config_path = conf().cyrus_sasl_config_path();
    out.application = "relais-auth";
    out.host = conf().myhostname();
    return out;
}

std::string load() {
    auto opened = cyrus_open(settings());
    if (!opened) {
        log_warning("{}", opened.error().message);
        return "none";
    }
    CyrusSettings any = settings();
    any.service = "imap";
    auto mechanisms = cyrus_mechanisms(any);
    bool there = mechanisms && std::ranges::find(*mechanisms, "GSSAPI", &AuthMechanism::name) !=
                                   mechanisms->end();
    return there ? "GSSAPI" : "none";
}

void work(int socket) {
    cyrus_serve(socket, settings(), kMaxAuthLine,
                std::chrono::ceil<std::chrono::seconds>(CyrusWorkers::Limits().answer) + kGrace);
}

// RFC 1734 and its successor call it "pop" (RFC 5034 4), the auth protocol does not.
std::string service_of(std::string_view service) {
    return service == "pop3" ? "pop" : std::string(service);
}

SaslStep refused(std::string user) {
    Credentials credentials;
    credentials.user = std::move(user);
    credentials.proof = Proof::kWrong;
    return SaslStep::finish(std::move(credentials));
}

}  // namespace

Kerberos::Kerberos()
    : helper_(load, work), workers_([this] { return helper_.start_worker(); }, {}) {
}

Task<SaslStep> KerberosLogins::step(Kerberos* kerberos, AuthCheck asked) {
    std::string response = base64_encode(asked.credentials.password);
    auto found = logins_.find(asked.id);
    bool first = found == logins_.end();
    if (first) {
        auto lease = co_await kerberos->take();
        if (!lease) {
            log_warning("GSSAPI: {}", lease.error().message);
            co_return refused("");
        }
        found = logins_.emplace(asked.id, std::make_unique<Login>(std::move(*lease))).first;
    }
    // It may be given up meanwhile, and is then gone when the answer comes.
    std::unique_ptr<Login> login = std::move(found->second);
    logins_.erase(found);
    login->lease.works();
    AuthReply reply;
    if (first) {
        AuthPeer peer;
        peer.service = service_of(asked.parameters.get("service"));
        reply = co_await login->exchange.start("GSSAPI", std::move(peer), std::move(response));
    } else {
        reply = co_await login->exchange.respond(std::move(response));
    }
    if (reply.by_server || reply.kind == AuthReply::Kind::kChallenge) {
        login->lease.rests();
    }
    if (reply.kind == AuthReply::Kind::kChallenge) {
        logins_.insert_or_assign(asked.id, std::move(login));
        co_return SaslStep::ask(base64_decode(reply.challenge).value_or(""));
    }
    if (reply.kind != AuthReply::Kind::kSuccess) {
        co_return refused(reply.user);
    }
    Credentials credentials;
    credentials.user = reply.user;
    credentials.proof = Proof::kVouched;
    co_return SaslStep::finish(std::move(credentials));
}

}  // namespace relais
