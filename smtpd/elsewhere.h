// A login whose user has his mail on another machine (smtpd_sasl_proxy): he is logged in at its
// submission service, and what follows is between his client and that.
#pragma once

#include <memory>
#include <string>

#include "lib/event/stream.h"
#include "lib/sasl/auth_client.h"

#include "smtpd/commands.h"

namespace relais::smtpd {

// Where a session goes on.
struct Elsewhere {
    std::unique_ptr<Stream> server;
    std::string who;   // "proxy(bob,192.0.2.9:587)"
    std::string whom;  // "user=<bob>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.2, TLS"
};

// Whether auth's answer sends this user to another machine, and that is what is wanted here.
[[nodiscard]] bool is_elsewhere(const Session& session, const AuthReply& answer);

// Logs him in there, and replies.  Where he is in, session.elsewhere is set; where the machine says
// that the password is wrong, session.login.refused.
[[nodiscard]] Task<Outcome> log_in_elsewhere(Session* session, std::string method,
                                             AuthReply answer);

// Hands through until either side has ended.
[[nodiscard]] Task<void> stay_elsewhere(Session* session);

}  // namespace relais::smtpd
