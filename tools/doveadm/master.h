// The running mail system, whose part the mailbox server is.
#pragma once

#include <string>

#include <sys/types.h>

namespace relais::doveadm {

// The pid of its master; ends the process where it does not run.
[[nodiscard]] pid_t running_master();

// Tells it to read its configuration anew, and with that to open its log anew.
void reload_master();

// Ends the process where nobody listens on that UNIX-domain socket.
void expect_listener(const std::string& path);

}  // namespace relais::doveadm
