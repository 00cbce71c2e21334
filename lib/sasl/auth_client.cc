#include "lib/sasl/auth_client.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/inet_name.h"
#include "lib/event/socket.h"

namespace relais {

namespace {

using Fields = std::vector<std::string>;

constexpr std::size_t kMaxListed = 10'000'000;  // users
constexpr std::size_t kMaxMechanisms = 100;
constexpr const char* kLost = "Connection lost to authentication server";

AuthReply temporary(std::string reason) {
    AuthReply reply;
    reply.kind = AuthReply::Kind::kTemporary;
    reply.reason = std::move(reason);
    return reply;
}

AuthReply parse_reply(const Fields& fields) {
    AuthReply reply;
    reply.by_server = true;
    if (fields[0] == "CONT") {
        reply.kind = AuthReply::Kind::kChallenge;
        reply.challenge = fields.size() > 2 ? fields[2] : "";
        return reply;
    }
    if (fields[0] == "USER" || fields[0] == "PASS") {  // the answers to REQUEST and PASS
        reply.kind = AuthReply::Kind::kSuccess;
        reply.user = fields.size() > 2 ? fields[2] : "";
        reply.parameters = AuthParameters(fields, 3);
        return reply;
    }
    reply.parameters = AuthParameters(fields, 2);
    if (fields[0] == "DONE" || fields[0] == "FLUSHED") {
        bool failed = reply.parameters.has("fail");
        reply.kind = failed ? AuthReply::Kind::kTemporary : AuthReply::Kind::kSuccess;
        return reply;
    }
    reply.user = reply.parameters.get("user");
    reply.reason = reply.parameters.get("reason");
    if (fields[0] == "OK" && reply.user.empty()) {  // somebody, but who?
        log_warning("missing Dovecot server OK username field");
        reply.kind = AuthReply::Kind::kFailure;
        reply.reason = "Authentication backend error";
    } else if (fields[0] == "OK") {
        reply.kind = AuthReply::Kind::kSuccess;
    } else {
        reply.kind =
            reply.parameters.has("temp") ? AuthReply::Kind::kTemporary : AuthReply::Kind::kFailure;
    }
    return reply;
}

std::string request_line(std::uint32_t id, const std::string& mechanism, const AuthPeer& peer,
                         const std::optional<std::string>& initial_response) {
    AuthLine line("AUTH");
    line.field(std::to_string(id)).field(mechanism).field("service", peer.service);
    if (peer.no_login) {
        line.field("nologin");
        if (peer.passes_on) {
            line.field(kAuthPassesOn);
        }
    }
    line.field("lip", peer.local_address).field("rip", peer.remote_address);
    if (peer.local_port != 0) {
        line.field("lport", std::to_string(peer.local_port));
    }
    if (peer.remote_port != 0) {
        line.field("rport", std::to_string(peer.remote_port));
    }
    if (!peer.real_local_address.empty()) {
        line.field("real_lip", peer.real_local_address)
            .field("real_lport", std::to_string(peer.real_local_port));
    }
    if (peer.secured) {
        line.field("secured");
    }
    if (peer.valid_client_cert) {
        line.field("valid-client-cert");
    }
    if (!peer.cert_username.empty()) {
        line.field("cert_username", peer.cert_username);
    }
    if (!peer.bindings.exporter.empty()) {
        line.field(kAuthTlsExporter, base64_encode(peer.bindings.exporter));
    }
    if (!peer.bindings.server_end_point.empty()) {
        line.field(kAuthTlsServerEndPoint, base64_encode(peer.bindings.server_end_point));
    }
    if (peer.security != 0) {
        line.field("options", std::to_string(peer.security));
    }
    if (initial_response) {  // always the last one
        line.field("resp", *initial_response);
    }
    return line.finish();
}

}  // namespace

// A connection, its reader's state and the exchanges that wait on it.  It stays alive until the
// last exchange has let go of it.
class AuthClient::Connection {
  public:
    Connection(UniqueFd fd, std::string name, std::chrono::milliseconds timeout,
               std::size_t longest_line)
        : server(std::move(name)),
          stream(std::move(fd)),
          timeout(timeout),
          longest_line(longest_line) {
        stream.set_timeout(timeout);
    }

    // A whole line that has arrived, without its newline; nothing where it is not all there, or too
    // long.
    std::optional<std::string> take_line() {
        auto end = input.find('\n');
        if (end > longest_line) {
            return std::nullopt;
        }
        std::string line = input.substr(0, end);
        input.erase(0, end + 1);
        return line;
    }

    // Waits for more input and takes it.  It never writes: flushing is the exchanges' business.
    Task<bool> read_more() {
        co_await stream.wait_readable();
        bool more = stream.fill_now();
        input += stream.buffered();
        stream.consume(stream.buffered().size());
        co_return more;
    }

    // Sends all that is written.  True; the type is with_timeout()'s.
    Task<bool> flush() {
        Semaphore::Place place = co_await writing.take();
        co_await stream.flush();
        co_return true;
    }

    Task<Result<void>> greet();
    // Keeps the connection alive: who waits for its end may have been the last to use it.
    static Task<void> read_replies(std::shared_ptr<Connection> self);

    // Nobody starts anything with it any more, and its reader ends.
    void abandon() {
        dead = true;
        ::shutdown(stream.fd(), SHUT_RDWR);
    }

    void deliver(const Fields& fields);
    // Ends every waiting exchange with a temporary failure.
    void give_up();

    struct Pending {
        Wait* wait = nullptr;
        std::optional<AuthReply> reply;
        std::vector<std::string> users;  // of a list that has not ended
        bool lost = false;               // the connection ended before the server had answered
    };

    std::string server;  // for the log
    Stream stream;
    std::chrono::milliseconds timeout;
    std::size_t longest_line;
    std::vector<AuthMechanism> mechanisms;
    std::string cookie;
    std::uint64_t server_pid = 0;
    std::uint64_t number = 0;  // by which the server knows this connection
    std::map<std::uint32_t, Pending> pending;
    std::uint32_t next_id = 0;
    bool dead = false;
    std::string input;
    // One flush at a time; lines are appended whole, so whoever flushes sends everybody's.
    Semaphore writing{1};
};

Task<Result<void>> AuthClient::Connection::greet() {
    stream.set_deadline(Deadline::after(timeout));  // for all of it, however small its pieces
    stream.write(format("VERSION\t1\t1\nCPID\t{}\n", client_pid()));
    co_await stream.flush();
    for (;;) {
        auto line = take_line();
        if (!line) {
            if (input.size() > longest_line) {
                co_return fail(Errc::kSyntax, "the auth server's greeting is too long");
            }
            bool more = co_await read_more();
            if (!more) {
                co_return fail(Errc::kClosed, "the auth server hung up");
            }
            continue;
        }
        Fields fields = parse_auth_line(*line);
        if (fields[0] == "VERSION" && (fields.size() < 2 || fields[1] != "1")) {
            co_return fail(Errc::kSyntax, format("Protocol version mismatch ({} vs. 1)",
                                                 fields.size() < 2 ? "?" : printable(fields[1])));
        }
        if (mechanisms.size() > kMaxMechanisms) {
            co_return fail(Errc::kSyntax, "the auth server's greeting is too long");
        }
        if (fields[0] == "SPID" && mechanisms.empty()) {
            co_return fail(Errc::kSyntax,
                           "Connected to wrong auth socket (auth-master instead of auth-client)");
        }
        if (fields[0] == "MECH" && fields.size() > 1) {
            mechanisms.push_back(AuthMechanism::parse(fields));
        } else if (fields[0] == "COOKIE" && fields.size() > 1) {
            cookie = fields[1];
        } else if (fields[0] == "SPID" && fields.size() > 1) {
            server_pid = parse_uint(fields[1]).value_or(0);
        } else if (fields[0] == "CUID" && fields.size() > 1) {
            number = parse_uint(fields[1]).value_or(0);
        } else if (fields[0] == "DONE") {
            co_return Result<void>();
        }
    }
}

Task<void> AuthClient::Connection::read_replies(std::shared_ptr<Connection> self) {
    // It waits as long as there is nothing to hear.  Who writes sets a limit of his own.
    self->stream.set_deadline({});
    self->stream.set_timeout(std::chrono::hours(24 * 365));
    try {
        for (;;) {
            auto line = self->take_line();
            if (line) {
                self->deliver(parse_auth_line(*line));
                continue;
            }
            if (self->input.size() > self->longest_line) {
                log_warning("SASL: Protocol error: {}", self->server);
                break;
            }
            bool more = co_await self->read_more();
            if (!more) {
                break;
            }
        }
    } catch (const std::exception&) {
        self->dead = true;  // whoever waits hears of the loss
    }
    self->give_up();
}

void AuthClient::Connection::deliver(const Fields& fields) {
    bool known = fields[0] == "OK" || fields[0] == "FAIL" || fields[0] == "CONT" ||
                 fields[0] == "USER" || fields[0] == "NOTFOUND" || fields[0] == "PASS" ||
                 fields[0] == "LIST" || fields[0] == "DONE" || fields[0] == "FLUSHED";
    auto id = fields.size() > 1 ? parse_uint(fields[1]) : std::nullopt;
    if (!known || !id) {
        return;  // MECH and the like may come again; unknown words are for later versions
    }
    auto found = pending.find(static_cast<std::uint32_t>(*id));
    if (found == pending.end()) {
        return;
    }
    if (fields[0] == "LIST") {
        if (fields.size() > 2 && found->second.users.size() < kMaxListed) {
            found->second.users.push_back(fields[2]);
        }
        return;
    }
    found->second.reply = parse_reply(fields);
    found->second.reply->users = std::move(found->second.users);
    if (found->second.wait != nullptr) {
        found->second.wait->wake();
    }
}

void AuthClient::Connection::give_up() {
    dead = true;
    for (auto& [id, entry] : pending) {
        if (!entry.reply) {
            entry.reply = temporary(kLost);
            entry.lost = true;
            if (entry.wait != nullptr) {
                entry.wait->wake();
            }
        }
    }
}

std::uint32_t AuthClient::client_pid() {
    return static_cast<std::uint32_t>(::getpid());
}

namespace {

// A path, or "inet:host:port", or "unix:path".
Task<Result<UniqueFd>> connect_to_server(std::string server, pid_t maker, Deadline deadline) {
    if (maker == 0 && server.starts_with("inet:")) {
        co_return co_await connect_inet_name(server.substr(5), deadline);
    }
    std::string path = server.starts_with("unix:") ? server.substr(5) : server;
    co_return co_await connect_unix_made_by(maker, std::move(path), deadline);
}

}  // namespace

Task<Result<std::shared_ptr<AuthClient::Connection>>> AuthClient::connect() {
    std::string trouble;
    try {
        Result<UniqueFd> fd = fail(Errc::kClosed, "no connection");
        if (connect_) {
            fd = connect_();
        } else {
            fd = co_await connect_to_server(server_, maker_, Deadline::after(timeout_));
        }
        if (!fd && connect_) {
            co_return fail(Errc::kTemporary, server_ + ": " + fd.error().message);
        }
        if (!fd) {
            const auto& error = fd.error();
            co_return fail(Errc::kTemporary,
                           format("Connect to Dovecot auth socket '{}' failed: {}", server_,
                                  error.sys_errno != 0 ? std::strerror(error.sys_errno)
                                                       : error.message.c_str()));
        }
        auto made = std::make_shared<Connection>(std::move(*fd), server_, timeout_, longest_line_);
        auto greeted = co_await made->greet();
        if (greeted) {
            readers_.spawn(Connection::read_replies(made));
            co_return made;
        }
        trouble = greeted.error().message;
    } catch (const Cancelled&) {
        throw;
    } catch (const std::exception& error) {
        trouble = error.what();
    }
    co_return fail(Errc::kTemporary, format("{}: {}", trouble, server_));
}

Task<Result<std::shared_ptr<AuthClient::Connection>>> AuthClient::connection() {
    const auto asked_at = std::chrono::steady_clock::now();
    Semaphore::Place place = co_await connecting_.take();
    if (is_connected()) {
        co_return connection_;
    }
    if (failure_ && asked_at < failed_at_) {
        co_return std::unexpected(*failure_);
    }
    connection_.reset();
    auto made = co_await connect();
    if (made) {
        connection_ = *made;
        failure_.reset();
    } else {
        failure_ = made.error();
        failed_at_ = std::chrono::steady_clock::now();
    }
    co_return made;
}

bool AuthClient::is_connected() const {
    if (!connection_ || connection_->dead) {
        return false;
    }
    char byte = 0;  // its reader may not have come to see the end yet
    const ssize_t got = ::recv(connection_->stream.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void AuthClient::hang_up() {
    if (connection_ && !connection_->dead) {
        connection_->abandon();
    }
}

Task<Result<std::vector<AuthMechanism>>> AuthClient::mechanisms() {
    auto ready = co_await connection();
    if (ready) {
        known_ = (*ready)->mechanisms;
    } else if (known_.empty()) {
        co_return fail_with(ready);
    }
    co_return known_;
}

std::string AuthClient::connection_name() const {
    return is_connected() ? format("{:x}.{:x}", connection_->server_pid, connection_->number) : "";
}

Task<void> AuthClient::close() {
    co_await readers_.close();
    connection_.reset();
}

std::string AuthExchange::cookie() const {
    return connection_ ? connection_->cookie : "";
}

AuthExchange::~AuthExchange() {
    if (!connection_) {
        return;
    }
    connection_->pending.erase(id_);
    if (open_ && !connection_->dead) {
        // Sent with the next line; the server drops it anyway when its own time is up.
        connection_->stream.write(AuthLine("CANCEL").field(std::to_string(id_)).finish());
    }
}

Task<AuthReply> AuthExchange::start(std::string mechanism, AuthPeer peer,
                                    std::optional<std::string> initial_response) {
    AuthReply reply;
    // A connection that was open may be one to a server that is gone: the second try is a new one.
    // What has killed a process of ours is not tried on another.
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto ready = co_await client_.connection();
        if (!ready) {
            log_warning("SASL: {}", ready.error().message);
            co_return temporary("");
        }
        connection_ = *ready;
        id_ = ++connection_->next_id;
        std::string line = request_line(id_, mechanism, peer, initial_response);
        reply = co_await converse(std::move(line));
        bool lost = connection_->pending[id_].lost && !client_.connect_;
        connection_->pending.erase(id_);
        if (!lost) {
            break;
        }
    }
    co_return reply;
}

Task<AuthReply> AuthExchange::ask(std::string command, std::vector<std::string> fields) {
    AuthReply reply;
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto ready = co_await client_.connection();
        if (!ready) {
            co_return temporary(ready.error().message);
        }
        connection_ = *ready;
        id_ = ++connection_->next_id;
        AuthLine line(command);
        line.field(std::to_string(id_));
        for (const std::string& field : fields) {
            line.field(field);
        }
        reply = co_await converse(line.finish());
        bool lost = connection_->pending[id_].lost && !client_.connect_;
        connection_->pending.erase(id_);
        if (!lost) {
            break;
        }
    }
    co_return reply;
}

Task<AuthReply> AuthExchange::request_user(std::uint32_t client_pid, std::uint32_t login_id,
                                           std::string cookie) {
    return ask("REQUEST",
               {std::to_string(client_pid), std::to_string(login_id), std::move(cookie)});
}

Task<AuthReply> AuthExchange::start_as_client(std::vector<std::string> fields) {
    return ask("AUTH", std::move(fields));
}

Task<AuthReply> AuthExchange::look_up(std::string user, std::vector<std::string> parameters) {
    parameters.insert(parameters.begin(), std::move(user));
    return ask("USER", std::move(parameters));
}

Task<AuthReply> AuthExchange::look_up_password(std::string user) {
    return ask("PASS", {std::move(user)});
}

Task<AuthReply> AuthExchange::flush_cache(std::vector<std::string> users) {
    return ask("CACHE-FLUSH", std::move(users));
}

Task<AuthReply> AuthExchange::list_users() {
    return ask("LIST", {});
}

Task<AuthReply> AuthExchange::respond(std::string response) {
    if (!connection_ || !open_) {
        co_return temporary("no authentication is going on");
    }
    std::string line = AuthLine("CONT").field(std::to_string(id_)).field(response).finish();
    co_return co_await converse(std::move(line));
}

Task<AuthReply> AuthExchange::converse(std::string line) {
    open_ = true;
    if (connection_->dead || line.size() > connection_->longest_line) {
        open_ = false;
        co_return temporary(connection_->dead ? kLost : "response too long");
    }
    connection_->pending[id_] = AuthClient::Connection::Pending();
    connection_->stream.write(line);
    AuthReply reply = co_await await_reply();
    open_ = reply.kind == AuthReply::Kind::kChallenge;
    co_return reply;
}

Task<AuthReply> AuthExchange::await_reply() {
    auto& entry = connection_->pending[id_];
    bool lost = false;
    bool sent = false;
    try {
        auto flushed = co_await with_timeout(connection_->timeout, connection_->flush());
        sent = flushed.has_value();
        lost = !sent;
        if (sent && !entry.reply) {
            Wait wait(Deadline::after(connection_->timeout));
            entry.wait = &wait;
            co_await wait;
        }
    } catch (const Cancelled&) {
        entry.wait = nullptr;
        if (!sent) {
            connection_->abandon();
        }
        throw;
    } catch (const IoError&) {
        lost = entry.lost = true;
    } catch (const std::exception&) {
        lost = true;
    }
    entry.wait = nullptr;
    if (lost && !sent) {
        // Half a line may be out: nobody can go on with this connection.
        connection_->abandon();
    }
    if (lost) {
        co_return temporary(kLost);
    }
    co_return std::move(*entry.reply);
}

}  // namespace relais
