// The process that serves one user: it runs as that user, and all sessions of the user are in it.
// It is handed connections over a control socket, and ends a while after the last session.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"

#include "imapd/imap/session.h"

namespace relais {

// Who the process is to be.
struct WorkerIdentity {
    std::string user;
    std::string home;
    std::string mail;  // overrides imap_mail_location
    long uid = -1;     // -1: as whoever started the service
    long gid = -1;

    std::string serialize() const;
    [[nodiscard]] static Result<WorkerIdentity> parse(const Attributes& attributes);
};

// A connection for the worker.
[[nodiscard]] std::string serialize_start(const SessionStart& start);

// Takes on the identity and serves until nobody is left.  In a process forked for it.
[[noreturn]] void run_worker(UniqueFd control, const WorkerIdentity& identity);

// One session over `fd` in this process, for a user who is logged in already (-S).
[[nodiscard]] Task<void> serve_preauthenticated(UniqueFd fd, WorkerIdentity identity);

}  // namespace relais
