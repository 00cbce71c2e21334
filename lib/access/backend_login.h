// What IMAP and POP3 share of logging a proxied user in at his machine: its lines, which are
// bounded like those of any stranger, and what proves who he is.
#pragma once

#include <string>

#include "lib/access/proxy_backends.h"
#include "lib/access/proxy_target.h"
#include "lib/base/result.h"
#include "lib/event/stream.h"

namespace relais {

// What the machine has said to the login.
struct BackendAnswer {
    bool accepted = false;
    bool wrong = false;  // the password, as opposed to trouble
    std::string text;    // for the client, without a tag and a line end
};

// Lines of a server.
class BackendLines {
  public:
    explicit BackendLines(Stream& stream) : stream_(stream) {}

    // The next one, without its end.  kTooLarge: longer, or more of them, than anybody needs who
    // answers to a login; kClosed: the server has hung up.
    [[nodiscard]] Task<Result<std::string>> next();

  private:
    Stream& stream_;
    int count_ = 0;
};

// How the user, or the master for him, proves who he is.
struct BackendProof {
    std::string mechanism;  // PLAIN, EXTERNAL, XOAUTH2 or OAUTHBEARER
    std::string response;   // base64
    std::string end;        // what a server wants to hear before it refuses; base64
};

// kSyntax: there is no such mechanism here, or no password; for the log.
[[nodiscard]] Result<BackendProof> backend_proof(const ProxyTarget& target);

// Whether name and password may be sent as they are, as LOGIN or USER and PASS.
[[nodiscard]] bool sends_password_alone(const ProxyTarget& target);

}  // namespace relais
