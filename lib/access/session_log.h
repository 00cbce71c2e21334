// Lines about logins and sessions in the form of Dovecot's log, for those who read that:
//
//     dovecot[123]: imap-login: Login: user=<bob>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.9, TLS
//     dovecot[124]: imap(bob)<124>: Disconnected: Logged out in=24 out=787
#pragma once

#include <string>
#include <string_view>

#include "lib/event/deadline.h"

namespace relais {

// `who` is a service, or session_of().
void log_session(std::string_view who, std::string_view text);

// "imap(bob)<124>": a user's session in this process.
[[nodiscard]] std::string session_of(std::string_view service, std::string_view user);

// A user's name without what readers take for its end.
[[nodiscard]] std::string shown_name(std::string_view user);

// "user=<bob>"
[[nodiscard]] std::string user_in_brackets(std::string_view user);

// "proxy(bob,192.0.2.9:587)": whose connection is handed through; without an address, none is
// known.
[[nodiscard]] std::string proxy_of(std::string_view user, std::string_view address);

// "Started proxying to <mail.test> (0.003 secs)", where it took so long from `since` on.
[[nodiscard]] std::string started_proxying(std::string_view host, SteadyTime since);

}  // namespace relais
