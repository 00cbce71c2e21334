// The services that a session asks, in the process of the fuzz target: they answer at once, and
// look at what they are asked.  Their sockets are in private/ and public/ of scratch().
#pragma once

#include <string>

#include "lib/base/unique_fd.h"
#include "lib/event/task.h"

namespace relais::fuzz {

// Runs `serve` for each connection to that path, as long as the process lives.
void offer(const std::string& path, Task<void> (*serve)(UniqueFd));

// The same for connections to a port of 127.0.0.1 that is chosen here, and given back.
[[nodiscard]] std::string offer_port(Task<void> (*serve)(UniqueFd));

// cleanup(8): takes a message, and aborts the process where its records are not what queue files
// may have.
[[nodiscard]] Task<void> serve_cleanup(UniqueFd fd);

// trivial-rewrite(8) for a machine of the domain mail.test.
[[nodiscard]] Task<void> serve_rewrite(UniqueFd fd);

// flush(8) and bounce(8): have done it.
[[nodiscard]] Task<void> serve_flush(UniqueFd fd);
[[nodiscard]] Task<void> serve_bounce(UniqueFd fd);

// auth: everybody's password is "secret"; "bob", with or without a domain, has a mailbox.
[[nodiscard]] Task<void> serve_auth(UniqueFd fd);

// imap or pop3: takes whoever has logged in, and lets go of him.
[[nodiscard]] Task<void> serve_handoffs(UniqueFd fd);

}  // namespace relais::fuzz
