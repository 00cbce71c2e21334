// The server side of the Dovecot authentication protocol for one client process (a connection of
// smtpd, imap-login or imap), without I/O: lines in, lines out.  Checking a password is the
// caller's business, and may take its time.
//
// Besides AUTH, CONT and CANCEL it takes
//     REQUEST <id> <client pid> <client's request id> <cookie>
// from whoever was handed a login, and answers who it was (USER) from the successful requests, and
//     USER <id> <name>
// which is answered with what the users' file says of him now, but for the password; and for
// doveadm
//     LIST <id>                 LIST <id> <name> for each user, then DONE <id> [fail]
//     PASS <id> <name>          PASS <id> <name> and what his password entry says besides it
//     CACHE-FLUSH <id> [names]  FLUSHED <id> count=<number>
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sasl/auth_lines.h"
#include "lib/sasl/mechanism.h"

namespace relais {

// A password to check, for the caller.
struct AuthCheck {
    std::uint32_t id = 0;
    std::string mechanism;
    Credentials credentials;
    AuthParameters parameters;  // of the request: service, rip, lip, secured, nologin, ...
};

// Who logged in, as long as somebody may ask for it.
struct FinishedLogin {
    std::string user;
    AuthParameters fields;  // uid, gid, home, mail
    std::int64_t expires = 0;
};

// The logins of all connections: key is the cookie of the connection and the request's id.
class FinishedLogins {
  public:
    void add(const std::string& cookie, std::uint32_t id, FinishedLogin login, std::int64_t now);
    // For a minute: the imap service and its helper ask both, each for itself.
    std::optional<FinishedLogin> find(const std::string& cookie, std::uint32_t id,
                                      std::int64_t now) const;

  private:
    std::map<std::pair<std::string, std::uint32_t>, FinishedLogin> logins_;
};

class AuthServerSession {
  public:
    // `context` is what does not depend on the request.
    AuthServerSession(std::vector<std::string> mechanisms, std::uint32_t connection_number,
                      SaslContext context = {});

    // What the server says first.
    std::string greeting() const;

    const std::string& cookie() const { return cookie_; }

    struct Step {
        std::string output;                      // to be sent at once
        std::optional<AuthCheck> check;          // a password to look at
        std::optional<AuthCheck> secret;         // whose stored password is needed
        std::optional<AuthCheck> foreign;        // a response for somebody else
        std::optional<std::uint32_t> cancelled;  // a request that is given up
        std::optional<std::vector<std::string>>
            request;           // REQUEST, USER and the like, for the caller
        bool hang_up = false;  // the peer makes no sense
    };

    Step line(std::string_view text);

    // The answer to Step::secret.  Nothing: there is no such user.
    Step secret(std::uint32_t id, std::optional<std::string_view> stored,
                std::string_view default_scheme);

    // The answer to Step::foreign.
    Step foreign(std::uint32_t id, SaslStep made);

    // What is to be sent at the end of a check: `line`, or before that what some mechanisms have
    // to say about a failure, to which the client answers first.
    std::string refused(std::uint32_t id, std::string line);

    // The check has an end about which there is nothing to explain.
    void forget(std::uint32_t id) { pending_.erase(id); }

  private:
    struct Pending {
        std::unique_ptr<SaslMechanism> mechanism;
        std::string name;
        AuthParameters parameters;
        std::string end = {};  // the answer, once the client has heard why
    };

    SaslContext context_of(const AuthParameters& parameters) const;

    Step auth(const std::vector<std::string>& fields);
    Step proceed(std::uint32_t id, std::optional<std::string> response);
    Step next(std::uint32_t id, SaslStep made);

    std::vector<std::string> mechanisms_;
    SaslContext context_;
    std::uint32_t number_;
    std::string cookie_;
    std::map<std::uint32_t, Pending> pending_;
};

}  // namespace relais
