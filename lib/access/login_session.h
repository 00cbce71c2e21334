// A connection to a mailbox service before login: TLS, the exchange with auth, limits, and then the
// hand-over.  What the client says and is told is the protocol's: imapd/imap-login and
// imapd/pop3-login derive from this.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/backend_login.h"
#include "lib/access/login_end.h"
#include "lib/access/login_site.h"
#include "lib/event/stream.h"
#include "lib/sasl/auth_client.h"
#include "lib/tls/tls_info.h"

namespace relais {

class LoginSession {
  public:
    // `task` is what will run it.
    LoginSession(LoginSite& site, UniqueFd fd, TaskGroup& task);
    LoginSession(const LoginSession&) = delete;
    LoginSession& operator=(const LoginSession&) = delete;
    virtual ~LoginSession() = default;

    // Serves the client until it is gone or handed over; with TLS, until its session has ended.
    [[nodiscard]] Task<void> run();

    // Tells the client that it goes to make room; its task is cancelled then.
    void turn_away();

    // The process ends.  The client is told; but where it has gone on to its session, that has to
    // end first.
    void end_with_server();

  protected:
    // Why the connection is closed.
    enum class Bye { kNoRoom, kAddressLimit, kSilent, kFailures, kServerEnds };
    // Why a login did not happen.
    enum class Refusal {
        kPrivacy,          // a password in the clear, where that is not allowed
        kUnsupported,      // no such mechanism
        kUnavailable,      // auth cannot be asked
        kBadInitial,       // the initial response is not base64
        kBadResponse,      // another one is not
        kCancelled,        // by the client
        kTooManyFailures,  // of its address
        kWrong,
        kNotAuthorized,    // as whom this user may not act
        kDisabled,         // the user may not log in, whatever his password
        kTooManySessions,  // of this user
        kElsewhere,        // the machine with his mail is away
        kInternal,
    };

    // The protocol's part.  Lines are whole, with their ends.
    [[nodiscard]] virtual Task<void> greet() = 0;
    // Reads a command and runs it.  False when the connection cannot go on.
    [[nodiscard]] virtual Task<bool> next_command() = 0;
    virtual std::string_view bye(Bye why) const = 0;
    // `text` is the reason where another process has given one.
    virtual void refuse(const std::string& tag, Refusal why, std::string_view text) = 0;
    // Logs a user in at the machine that has his mail; the error is for the log.
    [[nodiscard]] virtual Task<Result<BackendAnswer>> log_in_at(Stream* backend,
                                                                const ProxyTarget* target) = 0;
    // What that machine has answered, for the client.
    virtual void forward(const std::string& tag, const BackendAnswer& answer) = 0;

    // The mechanisms that this client may use now, but for those that have a command of their own.
    [[nodiscard]] Task<std::vector<std::string>> usable_mechanisms();
    // What APOP's digest is to be made of (RFC 1939 7); empty where auth does not offer it.
    [[nodiscard]] Task<std::string> apop_challenge();
    bool plaintext_allowed() const;
    // TLS is required of this client, and not on: he can do nothing else first.
    bool lacks_tls() const;

    // The client is a proxy of ours (login_trusted_networks), and says for whom it connects.
    bool trusted() const { return trusted_; }

    struct Origin {
        std::string remote, local;  // addresses; "": as before
        std::uint16_t remote_port = 0, local_port = 0;
        int hops_left = 0;
    };

    // From now on, this is who the client is.  What is no address is left as it was.
    void believe(const Origin& origin);

    // As the machine of a proxied user is told.
    ProxiedClient proxied_client() const;

    bool can_start_tls() const { return !secured_ && site_.tls() != nullptr; }

    // The answer to STARTTLS is written; what came behind the command is thrown away.
    [[nodiscard]] Task<void> start_tls();

    // Logs in with a mechanism that the client has named; `initial` is base64, "" for an empty one.
    [[nodiscard]] Task<void> authenticate(std::string tag, std::string mechanism,
                                          std::optional<std::string> initial);
    // Logs in with a name and a password, where that is allowed.
    [[nodiscard]] Task<void> log_in(std::string tag, std::string_view user,
                                    std::string_view password);
    // Logs in; reads the client's responses where the mechanism wants them.
    [[nodiscard]] Task<void> exchange(std::string tag, std::string mechanism,
                                      std::optional<std::string> initial);

    LoginSite& site_;
    Stream stream_;
    LoginEnd end_;
    bool secured_ = false;
    bool done_ = false;

  private:
    // Who the client is, and where he came to.  False (logged): a proxy should have said it.
    [[nodiscard]] Task<bool> identify_client();
    [[nodiscard]] Task<void> attend();
    [[nodiscard]] Task<void> converse();
    // Among those of this process that may have to make room; no longer so.
    void take_place();
    void give_up_place();
    // It counts no longer as one that has not logged in.
    [[nodiscard]] Task<void> leave();

    // Nothing where the client has got its answer already.
    [[nodiscard]] Task<std::optional<AuthReply>> prove(AuthExchange* exchange, std::string tag,
                                                       std::string mechanism,
                                                       std::optional<std::string> initial);
    [[nodiscard]] Task<std::string> read_response();
    void note_failure(const std::string& tag, const std::string& mechanism, const AuthReply& reply);
    // Too many are enough.
    void end_after_failure();

    [[nodiscard]] Task<LoginFailures::Attempt> begin_attempt();

    // Others of its client may go on.
    static void finish(LoginFailures::Attempt /*attempt*/) {}

    // A login elsewhere (login_proxy.cc).
    struct ElsewhereLogin {
        std::unique_ptr<Stream> stream;
        BackendAnswer answer;
    };

    [[nodiscard]] Task<void> pass_on(std::string tag, std::string mechanism, AuthReply reply,
                                     LoginFailures::Attempt attempt);
    [[nodiscard]] Task<void> stay_between(Stream* server, std::string whose, std::string whom);
    Result<ProxyTarget> target_of(const AuthReply& reply) const;
    [[nodiscard]] Task<Result<ElsewhereLogin>> log_in_elsewhere(const ProxyTarget* target);

    [[nodiscard]] Task<void> hand_over(std::string tag, std::string mechanism, std::string user,
                                       const AuthExchange* exchange);
    [[nodiscard]] Task<void> relay(UniqueFd to);
    AuthPeer auth_peer() const;
    // Whether the client could use it, if it may send passwords.
    bool can_use(const AuthMechanism& mechanism) const;
    // "rip=192.0.2.1, lip=192.0.2.9, TLS", as the log has it.
    std::string origin() const;

    // "imap-login"
    std::string service() const { return site_.settings().protocol + "-login"; }

    // At the end of a connection on which nobody has logged in.
    void log_end() const;

    TaskGroup& task_;
    std::optional<ClientLimits::Waiting::iterator> place_;  // until login
    std::string remote_;
    std::string local_;
    std::uint16_t remote_port_ = 0;
    std::uint16_t local_port_ = 0;
    TlsInfo tls_info_;
    bool handed_over_ = false;  // to its session, and TLS alone keeps this one
    bool server_ends_ = false;
    bool trusted_ = false;
    bool near_ = false;  // the connection itself comes from the address that it came to
    bool told_origin_ = false;
    int hops_left_ = kMostProxyHops;
    bool entered_ = false;  // anvil counts it
    int failures_ = 0;
    SteadyTime came_ = std::chrono::steady_clock::now();
};

}  // namespace relais
