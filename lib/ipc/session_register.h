// Who is logged in.  Each process of a user listens on a socket of its own, SERVICE.PID in
// private/sessions below the queue directory, which root has made there for nobody but root:
//
//     request=list            -> user, service, sessions=N, and N lists, one for each session
//     request=end id=ID       -> ended=1, or 0 where that session is gone
//
// One request for a connection.  A process can lie about itself, and about nobody else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/event/stream.h"

namespace relais {

inline constexpr std::string_view kSessionSockets = "private/sessions";

struct UserSession {
    std::uint32_t id = 0;  // in its process
    std::string address;   // the client's
    std::int64_t since = 0;
    bool secured = false;
    std::string folder;  // that is selected; empty: none
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
};

// Of one process.
struct UserSessions {
    std::string user;
    std::string service;  // "imap", "pop3"
    pid_t process = 0;
    std::vector<UserSession> sessions;

    std::string serialize() const;
};

struct SessionRequest {
    bool end = false;  // else the list is wanted
    std::uint32_t id = 0;
};

// What the socket of a process is asked for.
[[nodiscard]] Task<Result<SessionRequest>> read_session_request(Stream* stream);

[[nodiscard]] std::string session_end_answer(bool ended);

// The socket of this process, listening.  In the queue directory, with root's rights.
[[nodiscard]] Result<UniqueFd> make_session_socket(std::string_view service);

// For who has seen the process end.
void remove_session_socket(std::string_view service, pid_t process);

// What processes of that service have left behind that were killed while nobody looked.
[[nodiscard]] Task<void> sweep_session_sockets(std::string service);

// What all processes say, by service and number.  In the queue directory.  Those that have ended
// are left out, and so are those that say nothing sensible in time, which is logged.
[[nodiscard]] Task<Result<std::vector<UserSessions>>> list_user_sessions();

// Ends one of them.  False: it is gone already.
[[nodiscard]] Task<Result<bool>> end_user_session(std::string service, pid_t process,
                                                  std::uint32_t id);

}  // namespace relais
