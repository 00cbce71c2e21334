// An IMAP connection before login: greeting, STARTTLS, LOGIN and AUTHENTICATE, and then the
// hand-over.  Nothing else is understood here, since everything here comes from strangers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/event/stream.h"
#include "lib/imap/command_reader.h"
#include "lib/imap/scanner.h"
#include "lib/sasl/auth_client.h"

#include "imapd/imap-login/site.h"

namespace relais {

class LoginSession {
  public:
    // `task` is what will run it.
    LoginSession(Site& site, UniqueFd fd, TaskGroup& task);
    LoginSession(const LoginSession&) = delete;
    LoginSession& operator=(const LoginSession&) = delete;

    // Serves the client until it is gone or handed over; with TLS, until its session has ended.
    [[nodiscard]] Task<void> run();

    // Tells the client that it goes to make room; its task is cancelled then.
    void turn_away();

  private:
    struct Command {
        std::string tag;
        std::string name;
        imap::Scanner arguments{""};
    };

    [[nodiscard]] Task<void> attend();
    // It counts no longer as one that has not logged in.
    [[nodiscard]] Task<void> leave();
    [[nodiscard]] Task<void> converse();
    [[nodiscard]] Task<void> greet();
    [[nodiscard]] Task<std::string> capabilities();
    [[nodiscard]] Task<bool> next_command();
    [[nodiscard]] Task<void> handle(Command command);

    [[nodiscard]] Task<void> start_tls(const Command& command);
    [[nodiscard]] Task<void> login(Command& command);
    [[nodiscard]] Task<void> authenticate(Command& command);

    // The exchange with auth; reads the client's responses where the mechanism wants them.
    [[nodiscard]] Task<void> exchange(std::string tag, std::string mechanism,
                                      std::optional<std::string> initial);
    [[nodiscard]] Task<std::string> read_response();
    // Nothing where the client has got its answer already.
    [[nodiscard]] Task<std::optional<AuthReply>> prove(AuthExchange* exchange, std::string tag,
                                                       std::string mechanism,
                                                       std::optional<std::string> initial);
    void refuse(const std::string& tag, const std::string& mechanism, const AuthReply& reply);
    [[nodiscard]] Task<void> hand_over(std::string tag, std::string mechanism, std::string user,
                                       const AuthExchange* exchange);
    [[nodiscard]] Task<void> relay(UniqueFd to);

    [[nodiscard]] Task<void> put_tls_under();
    bool plaintext_allowed() const;
    AuthPeer auth_peer() const;
    void answer(std::string_view tag, std::string_view text);

    Site& site_;
    Stream stream_;
    TaskGroup& task_;
    std::optional<ClientLimits::Waiting::iterator> place_;  // until login
    imap::CommandReader reader_{40960};  // ID: 30 pairs of 30 and 1024 bytes (RFC 2971 3.3)
    std::string remote_;
    std::string local_;
    std::uint16_t remote_port_ = 0;
    std::uint16_t local_port_ = 0;
    bool entered_ = false;  // anvil counts it
    bool secured_ = false;
    bool done_ = false;
    int failures_ = 0;
    int bad_commands_ = 0;
};

}  // namespace relais
