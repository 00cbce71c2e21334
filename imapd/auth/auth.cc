// auth: who may log in.  smtpd, imap-login and imap ask it over the Dovecot auth protocol, so that
// it also serves the smtpd of a real Postfix (smtpd_sasl_type = dovecot, smtpd_sasl_path =
// private/auth).  Asks the databases of auth_passdb and auth_userdb; runs as mail_owner, in one
// process.
//
// A connection carries the requests of many sessions; a password that takes long to check, and the
// delay of a failure, hold up only their own request.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <ranges>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/stream.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"
#include "lib/sasl/auth_server.h"

#include "imapd/auth/kerberos.h"
#include "imapd/auth/verifier.h"

namespace relais {
namespace {

constexpr std::chrono::hours kQuietTime{24 * 365};

bool iequals_any(std::string_view list, std::string_view name) {
    return std::ranges::any_of(split_words(list, ", \t\r\n"),
                               [name](std::string_view each) { return iequals(each, name); });
}

// The process at the other end is root's; where an ordinary user runs the mail system, his.
bool is_of_administrator(int fd) {
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return false;
    }
    return peer.uid == 0 || (!process_info().privileged && peer.uid == ::getuid());
}

// A client process: its stream, and the requests that are being looked at.
struct Client {
    Client(UniqueFd fd, AuthServerSession asking)
        : stream(std::move(fd)),
          session(std::move(asking)),
          is_administrator(is_of_administrator(stream.fd())) {}

    Stream stream;
    AuthServerSession session;
    KerberosLogins kerberos;
    bool is_administrator;  // may hear of users whom nobody has named
    TaskGroup checks;
    Semaphore writing{1};  // one flush at a time; whoever flushes sends everybody's lines
};

class Auth : public Daemon {
  public:
    void before_jail() override {
        if (iequals_any(conf().auth_mechanisms(), "GSSAPI")) {
            kerberos_.emplace();
        }
        verifier_.emplace();
        context_.realms = conf().auth_realms();
        context_.anonymous_user = conf().auth_anonymous_username();
        context_.token_configuration = verifier_->takes_tokens().value_or(TokenAdvice()).url;
        for (std::string_view name : split_words(conf().auth_mechanisms(), ", \t\r\n")) {
            if (!SaslMechanism::make(name, context_)) {
                log_fatal("auth_mechanisms: unknown mechanism {}", name);
            }
            offer(uppercase(name));
        }
    }

    Task<void> background() override {
        TaskGroup watches;
        if (kerberos_) {
            watches.spawn(kerberos_->watch());
        }
        watches.spawn(verifier_->watch_helpers());
        co_await watches.join();
    }

    Task<void> serve(Connection connection) override;

  private:
    void offer(std::string name);
    Task<void> converse(Client* client);
    void take_step(Client* client, AuthServerSession::Step& step);
    Task<void> check(Client* client, AuthCheck check);
    Task<void> fetch_secret(Client* client, AuthCheck wanted);
    Task<void> ask_kerberos(Client* client, AuthCheck asked);
    void answer_request(Client& client, const std::vector<std::string>& fields);
    Task<void> answer_lookup(Client* client, std::string id, std::string user,
                             AuthParameters parameters);
    Task<void> answer_password_lookup(Client* client, std::string id, std::string user);
    Task<void> answer_list(Client* client, std::string id);
    Task<void> answer_flush(Client* client, std::string id, std::vector<std::string> users);
    void take_request(Client* client, const std::vector<std::string>& words);
    static Task<void> flush(Client* client);

    std::vector<std::string> mechanisms_;
    SaslContext context_;
    std::optional<Kerberos> kerberos_;
    std::optional<Verifier> verifier_;
    FinishedLogins finished_;
    std::uint32_t connections_ = 0;
};

// But not what could let nobody in.
void Auth::offer(std::string name) {
    bool token = name == "OAUTHBEARER" || name == "XOAUTH2";
    if (token && !verifier_->takes_tokens()) {
        log_warning("auth_mechanisms: {} needs a database of the type oauth2", name);
    } else if (name == "GSSAPI" && !kerberos_->is_usable()) {
        log_warning("auth_mechanisms: {} needs its plug-in for Cyrus SASL", name);
    } else if (name == "EXTERNAL" && !conf().auth_ssl_username_from_cert()) {
        log_warning("auth_mechanisms: {} needs auth_ssl_username_from_cert", name);
    } else {
        mechanisms_.push_back(std::move(name));
    }
}

Task<void> Auth::flush(Client* client) {
    Semaphore::Place turn = co_await client->writing.take();
    co_await client->stream.flush();
}

Task<void> Auth::serve(Connection connection) {
    Client client(std::move(connection.fd),
                  AuthServerSession(mechanisms_, ++connections_, context_));
    client.stream.set_timeout(kQuietTime);
    try {
        co_await converse(&client);
    } catch (const IoError&) {
        // The process at the other end has gone.
    } catch (const TimedOut&) {
    } catch (const Cancelled&) {
    }
    co_await client.checks.close();
}

Task<void> Auth::converse(Client* client) {
    client->stream.write(client->session.greeting());
    std::string input;
    for (;;) {
        auto end = input.find('\n');
        if (end == std::string::npos) {
            if (input.size() > kMaxAuthLine) {
                log_warning("a client of auth sent an endless line");
                co_return;
            }
            co_await flush(client);
            co_await client->stream.wait_readable();
            bool more = client->stream.fill_now();
            input += client->stream.buffered();
            client->stream.consume(client->stream.buffered().size());
            if (!more) {
                co_return;
            }
            continue;
        }
        auto step = client->session.line(std::string_view(input).substr(0, end));
        input.erase(0, end + 1);
        take_step(client, step);
        if (step.request) {
            take_request(client, *step.request);
        }
        if (step.hang_up) {
            log_warning("a client of auth does not speak its protocol");
            co_return;
        }
    }
}

void Auth::take_request(Client* client, const std::vector<std::string>& words) {
    const std::string& command = words.front();
    std::string id = words.size() > 1 ? words[1] : "0";
    std::string user = words.size() > 2 ? words[2] : "";
    if (command == "REQUEST") {
        answer_request(*client, words);
    } else if (command == "USER") {
        client->checks.spawn(answer_lookup(client, id, user, AuthParameters(words, 3)));
    } else if (!client->is_administrator) {
        client->stream.write(AuthLine("FAIL").field(id).field("temp").finish());
    } else if (command == "LIST") {
        client->checks.spawn(answer_list(client, id));
    } else if (command == "PASS") {
        client->checks.spawn(answer_password_lookup(client, id, user));
    } else {
        auto names = std::views::drop(words, 2);
        client->checks.spawn(
            answer_flush(client, id, std::vector<std::string>(names.begin(), names.end())));
    }
}

Task<void> Auth::answer_flush(Client* client, std::string id, std::vector<std::string> users) {
    std::size_t count = co_await verifier_->forget(std::move(users));
    client->stream.write(
        AuthLine("FLUSHED").field(id).field("count", std::to_string(count)).finish());
    co_await flush(client);
}

void Auth::take_step(Client* client, AuthServerSession::Step& step) {
    client->stream.write(step.output);
    if (step.check) {
        client->checks.spawn(check(client, std::move(*step.check)));
    }
    if (step.secret) {
        client->checks.spawn(fetch_secret(client, std::move(*step.secret)));
    }
    if (step.foreign) {
        client->checks.spawn(ask_kerberos(client, std::move(*step.foreign)));
    }
    if (step.cancelled) {
        client->kerberos.forget(*step.cancelled);
    }
}

Task<void> Auth::ask_kerberos(Client* client, AuthCheck asked) {
    std::uint32_t id = asked.id;
    SaslStep made = co_await client->kerberos.step(&*kerberos_, std::move(asked));
    auto step = client->session.foreign(id, std::move(made));
    take_step(client, step);
    co_await flush(client);
}

Task<void> Auth::fetch_secret(Client* client, AuthCheck wanted) {
    std::uint32_t id = wanted.id;
    auto stored = co_await verifier_->secret(std::move(wanted));
    auto step = client->session.secret(id, stored, conf().auth_default_scheme());
    take_step(client, step);
    co_await flush(client);
}

std::string acceptance_line(const std::string& id, const Verdict& verdict) {
    AuthLine line("OK");
    line.field(id).field("user", verdict.user);
    if (verdict.proxied) {
        for (const auto& [name, value] : verdict.fields.all()) {
            line.field(name, value);
        }
    }
    return line.finish();
}

std::string refusal_line(const std::string& id, const Verdict& verdict) {
    AuthLine line("FAIL");
    line.field(id).field("user", verdict.user);
    if (verdict.kind == Verdict::Kind::kTemporary) {
        line.field("temp");
    }
    if (verdict.why == Verdict::Why::kNotAuthorized) {
        line.field("authz");
    } else if (verdict.why == Verdict::Why::kDisabled) {
        line.field("nologin").field("reason", verdict.told);
    }
    // "reason" is told to the client; this one is for the logs of those who know it.
    line.field(kAuthLogReason, verdict.reason);
    return line.finish();
}

Task<void> Auth::check(Client* client, AuthCheck check) {
    std::string id = std::to_string(check.id);
    bool for_login = !check.parameters.has("nologin");
    std::string from = check.parameters.has("rip")
                           ? "[" + printable(check.parameters.get("rip")) + "]"
                           : "unknown";
    std::string service = printable(check.parameters.get("service"));
    std::uint32_t number = check.id;
    auto came = std::chrono::steady_clock::now();
    Verdict verdict = co_await verifier_->verify(std::move(check));
    if (verdict.kind != Verdict::Kind::kWrong) {
        client->session.forget(number);
    }
    if (verdict.kind == Verdict::Kind::kRight) {
        if (for_login && !verdict.proxied) {
            finished_.add(client->session.cookie(), number, {verdict.user, verdict.fields, 0},
                          ::time(nullptr));
        }
        client->stream.write(acceptance_line(id, verdict));
        co_await flush(client);
        co_return;
    }
    log_info("{}: {}: login refused: user={}, reason={}", from, service, printable(verdict.user),
             verdict.reason);
    // From when the request came: how long the check took tells whether there is such a user.
    auto took =
        std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - came);
    std::chrono::milliseconds least =
        verdict.delayed ? conf().auth_failure_delay() : std::chrono::seconds(0);
    co_await sleep_for(std::max(least - took, std::chrono::milliseconds(0)));
    client->stream.write(client->session.refused(number, refusal_line(id, verdict)));
    co_await flush(client);
}

void write_entry(Client& client, std::string_view command, const std::string& id,
                 const std::string& user, const AuthParameters& fields) {
    AuthLine line(command);
    line.field(id).field(user);
    for (const auto& [name, value] : fields.all()) {
        line.field(name, value);
    }
    client.stream.write(line.finish());
}

// REQUEST <id> <client pid> <client's request id> <cookie>
void Auth::answer_request(Client& client, const std::vector<std::string>& fields) {
    std::string id = fields.size() > 1 ? fields[1] : "0";
    auto request = fields.size() > 3 ? parse_uint(fields[3]) : std::nullopt;
    std::string cookie = fields.size() > 4 ? fields[4] : "";
    auto login = request
                     ? finished_.find(cookie, static_cast<std::uint32_t>(*request), ::time(nullptr))
                     : std::nullopt;
    if (!login) {
        client.stream.write(AuthLine("NOTFOUND").field(id).finish());
        return;
    }
    write_entry(client, "USER", id, login->user, login->fields);
}

// USER <id> <name> [service=lmtp [lip=ADDRESS [lport=PORT]]]
Task<void> Auth::answer_lookup(Client* client, std::string id, std::string user,
                               AuthParameters parameters) {
    Verdict verdict = co_await verifier_->look_up(std::move(user), std::move(parameters));
    switch (verdict.kind) {
        case Verdict::Kind::kRight:
            write_entry(*client, "USER", id, verdict.user, verdict.fields);
            break;
        case Verdict::Kind::kWrong:
            client->stream.write(AuthLine("NOTFOUND").field(id).finish());
            break;
        case Verdict::Kind::kTemporary:
            client->stream.write(AuthLine("FAIL").field(id).field("temp").finish());
            break;
    }
    co_await flush(client);
}

Task<void> Auth::answer_password_lookup(Client* client, std::string id, std::string user) {
    Verdict verdict = co_await verifier_->look_up_password(std::move(user));
    if (verdict.kind == Verdict::Kind::kRight) {
        write_entry(*client, "PASS", id, verdict.user, verdict.fields);
    } else if (verdict.kind == Verdict::Kind::kWrong) {
        client->stream.write(AuthLine("NOTFOUND").field(id).finish());
    } else {
        client->stream.write(AuthLine("FAIL").field(id).field("temp").finish());
    }
    co_await flush(client);
}

Task<void> Auth::answer_list(Client* client, std::string id) {
    auto users = co_await verifier_->list_users();
    for (const std::string& user : users ? *users : std::vector<std::string>()) {
        client->stream.write(AuthLine("LIST").field(id).field(user).finish());
    }
    AuthLine end("DONE");
    end.field(id);
    if (!users) {
        end.field("fail");
    }
    client->stream.write(end.finish());
    co_await flush(client);
}

}  // namespace
}  // namespace relais

// Keys of tokens and databases may be anywhere; LDAP, SQL and servers that know tokens, too.
constexpr relais::SandboxTable kSandbox = {
    .files = {{relais::Access::kRead, "/"}},
    .reach = relais::Reach::kServers,
};

int main(int argc, char** argv) {
    relais::DaemonTraits traits;
    traits.wakeups = relais::Wakeups::kAtOnce;
    traits.name = "auth";
    traits.kind = relais::ServiceKind::kShared;
    traits.privilege = relais::Privilege::kNever;
    traits.limit = relais::ProcessLimit::kOne;
    traits.lifetime = relais::Lifetime::kEndless;
    traits.sandbox = &kSandbox;
    return relais::run_daemon(argc, argv, traits, [] { return std::make_unique<relais::Auth>(); });
}
