// What a service of sessions after login (imap, pop3) tells the code that they share.
#pragma once

#include <chrono>
#include <string>

#include "lib/access/user.h"
#include "lib/event/stream.h"

namespace relais {

class SessionRecord;

// A connection that has logged in, as the user's process gets it.
struct SessionStart {
    std::string tag;    // IMAP: of the command that logged in; empty: nobody had to (-S)
    std::string input;  // what the client has sent behind it
    std::string remote_address;
    bool secured = false;
    SessionRecord* record = nullptr;  // where it is listed; outlives the session.  Null with -S
};

struct SessionService {
    std::string name;          // "imap"
    std::string auth_service;  // the name of a socket in private/
    int session_limit = 0;     // of one user
    std::chrono::seconds idle_time{};

    // Serves a client until it is gone.  User and stream outlive the task.
    Task<void> (*serve)(User* user, Stream* stream, SessionStart start) = nullptr;
    // What a client is told whose mail cannot be reached.
    std::string (*sorry)(const SessionStart& start) = nullptr;
};

}  // namespace relais
