// The program of a service of sessions (imap, pop3):
//
//   login service --(descriptor, who logged in)--> broker --> the user's process (worker)
//                                                    |
//                                spawner (root): forks the users' processes
//
// The broker runs as mail_owner, the spawner as root, each worker as its user.  In an instance that
// an ordinary user runs, all of them are that user.  With -S it serves one client on standard input
// and output, as whoever started it.
#pragma once

#include "lib/access/session_service.h"

namespace relais {

// `service` is asked once there is a configuration.
int run_session_daemon(int argc, char** argv, const char* name, SessionService (*service)());

}  // namespace relais
