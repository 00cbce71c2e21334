// The client side of the Dovecot authentication protocol: smtpd (smtpd_sasl_type = dovecot,
// smtpd_sasl_path) and imap-login ask a Dovecot auth server, or our own imapd/auth, whether a
// client is who it says.  One connection carries the exchanges of all sessions of a process.
//
//     AuthExchange exchange(client);
//     AuthReply reply = co_await exchange.start("PLAIN", peer, initial_response);
//     while (reply.kind == AuthReply::Kind::kChallenge)
//         reply = co_await exchange.respond(answer_of_the_peer);
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/auth_mechanism.h"
#include "lib/sasl/mechanism.h"

namespace relais {

// What the server may base its decision on.
struct AuthPeer {
    std::string service;  // "smtp", "imap"
    std::string local_address;
    std::string remote_address;
    std::uint16_t local_port = 0;  // 0: not told
    std::uint16_t remote_port = 0;
    // Where the connection has come to really, if a proxy has said otherwise.
    std::string real_local_address;
    std::uint16_t real_local_port = 0;
    bool secured = false;  // TLS
    bool valid_client_cert = false;
    std::string cert_username;  // the name in it
    ChannelBindings bindings;   // where the mechanism binds to the channel, or could have
    bool no_login = true;       // no master process will ask for the request afterwards
    bool passes_on = false;     // where no_login: this side sends users on to their machines
    unsigned security = 0;  // SaslSecurity, for a server that looks at it itself (cyrus_server.h)
};

struct AuthReply {
    enum class Kind { kChallenge, kSuccess, kFailure, kTemporary };
    Kind kind = Kind::kTemporary;
    bool by_server = false;          // it said so; nobody had to conclude it from its silence
    std::string challenge;           // kChallenge: base64, as the protocols carry it
    std::string user;                // kSuccess; kFailure where the server names it
    std::string reason;              // kFailure, kTemporary: for the log, may be empty
    AuthParameters parameters;       // all that the server said
    std::vector<std::string> users;  // what list_users() has found
};

class AuthExchange;

class AuthClient {
  public:
    // Where the server listens: the path of its socket (relative to the working directory or
    // absolute, with or without "unix:"), or "inet:host:port".
    explicit AuthClient(std::string server) : server_(std::move(server)) {}

    // The same with a server that `connect` leads to; `name` is what messages call it.
    using Connect = std::function<Result<UniqueFd>()>;

    AuthClient(std::string name, Connect connect)
        : server_(std::move(name)), connect_(std::move(connect)) {}

    AuthClient(const AuthClient&) = delete;
    AuthClient& operator=(const AuthClient&) = delete;

    // Only a socket that this process has made counts, whatever the path leads to (0: any does, and
    // so does a server elsewhere).
    void set_maker(pid_t maker) { maker_ = maker; }

    // The mechanisms that the server offers; connects when needed.  While it is away, what it
    // offered last: who then tries one hears of a temporary failure.
    [[nodiscard]] Task<Result<std::vector<AuthMechanism>>> mechanisms();

    // What the server calls itself and the connection, "PID.CONNECTION" in hexadecimal: a challenge
    // that this side makes (APOP) begins with it, so that it counts nowhere else.  Empty where
    // there is no connection.
    std::string connection_name() const;

    // How long the server may take to connect, to greet and to answer (one reply of it).
    void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }

    // The longest line in either direction.
    void set_longest_line(std::size_t bytes) { longest_line_ = bytes; }

    // Whether there is a connection that has not been seen to end.
    [[nodiscard]] bool is_connected() const;

    // Gives the connection up, if there is one: who waits for an answer over it hears of its loss.
    void hang_up();

    // The number by which the server knows this process; what a master request names.
    static std::uint32_t client_pid();

    // Closes the connection and ends its reader.  Needed before destruction.
    [[nodiscard]] Task<void> close();

  private:
    friend class AuthExchange;
    class Connection;

    // The connection after its handshake.
    [[nodiscard]] Task<Result<std::shared_ptr<Connection>>> connection();
    [[nodiscard]] Task<Result<std::shared_ptr<Connection>>> connect();

    std::string server_;
    Connect connect_;
    pid_t maker_ = 0;
    std::size_t longest_line_ = kMaxAuthLine;
    std::chrono::milliseconds timeout_{std::chrono::seconds(60)};
    std::shared_ptr<Connection> connection_;
    std::vector<AuthMechanism> known_;
    Semaphore connecting_{1};
    // The last attempt that failed: who waited for it meanwhile does not begin another.
    std::optional<Error> failure_;
    SteadyTime failed_at_{};
    TaskGroup readers_;
};

// One authentication.  Dropping it in the middle tells the server to forget it.
class AuthExchange {
  public:
    explicit AuthExchange(AuthClient& client) : client_(client) {}

    AuthExchange(const AuthExchange&) = delete;
    AuthExchange& operator=(const AuthExchange&) = delete;
    ~AuthExchange();

    // `initial_response` is base64; empty text stands for an empty response, nothing for none.
    [[nodiscard]] Task<AuthReply> start(std::string mechanism, AuthPeer peer,
                                        std::optional<std::string> initial_response);
    [[nodiscard]] Task<AuthReply> respond(std::string response);

    // The client's side of a login, with a worker of cyrus_client.h: the replies' challenges are
    // what is to be sent to the server, whose own go to respond().
    [[nodiscard]] Task<AuthReply> start_as_client(std::vector<std::string> fields);

    // Asks who it was that logged in with request `login_id` of the client process `client_pid`,
    // over the connection with that cookie.  Only our own auth service answers this here.
    [[nodiscard]] Task<AuthReply> request_user(std::uint32_t client_pid, std::uint32_t login_id,
                                               std::string cookie);

    // Asks for a user's data as they would be after a login now; kFailure: there is none.  Ours
    // alone, too.  `parameters` are those of a login, as "name=value": service=lmtp finds users who
    // may not log in, and, where lip (and lport) say where their mail has come to, tells of those
    // whose mail is elsewhere.
    [[nodiscard]] Task<AuthReply> look_up(std::string user,
                                          std::vector<std::string> parameters = {});

    // The password entry of a user, without the password; the number of entries that the cache had
    // of these users (none: of all) and has not any more, as "count"; the names of all users.  Ours
    // answers root only.
    [[nodiscard]] Task<AuthReply> look_up_password(std::string user);
    [[nodiscard]] Task<AuthReply> flush_cache(std::vector<std::string> users);
    [[nodiscard]] Task<AuthReply> list_users();

    // The request's number and the server's cookie for the connection that it went over, for a
    // master request.  The client may have another connection by now, with requests of the same
    // numbers.
    std::uint32_t id() const { return id_; }

    std::string cookie() const;

  private:
    // A request that has its answer in one line.  Asked again where the connection was one to a
    // server that is gone.
    [[nodiscard]] Task<AuthReply> ask(std::string command, std::vector<std::string> fields);
    [[nodiscard]] Task<AuthReply> converse(std::string line);
    [[nodiscard]] Task<AuthReply> await_reply();

    AuthClient& client_;
    std::shared_ptr<AuthClient::Connection> connection_;
    std::uint32_t id_ = 0;
    bool open_ = false;
};

}  // namespace relais
