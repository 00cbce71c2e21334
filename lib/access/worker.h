// The process that serves one user: it runs as that user, and all sessions of the user are in it.
// It is handed connections over a control socket, and ends a while after the last session.
#pragma once

#include <string>

#include "lib/access/login_inquiry.h"
#include "lib/access/session_service.h"
#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"

namespace relais {

// kDenied where root must not take on this identity: that of the system, of the mail system itself,
// or one whose mail lies outside imap_home_prefixes.
[[nodiscard]] Result<void> check_worker_identity(const WorkerIdentity& identity);

// The part of it that looks at places alone.
[[nodiscard]] Result<void> check_mail_places(const WorkerIdentity& identity);

// Takes on the identity for good: nothing of root's is left.  Nothing happens in an instance that
// an ordinary user runs.
[[nodiscard]] Result<void> become_user(const WorkerIdentity& identity);

// A connection for the worker.
[[nodiscard]] std::string serialize_start(const SessionStart& start);

// In place of a connection's list: the user is not any more who he was, so his sessions end.
[[nodiscard]] std::string serialize_end();

// Takes on the identity and serves until nobody is left.  In a process forked for it, which keeps
// root's rights until then: for its socket in session_register.h.
[[noreturn]] void run_worker(UniqueFd control, const WorkerIdentity& identity,
                             const SessionService& service);

// One session over `fd` in this process, for a user who is logged in already (-S).
[[nodiscard]] Task<void> serve_preauthenticated(UniqueFd fd, WorkerIdentity identity,
                                                SessionService service);

// Who that is, by the environment.
[[nodiscard]] WorkerIdentity own_identity();

}  // namespace relais
