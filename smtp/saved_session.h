// A session as text, for another process that takes it over: what scache(8) keeps beside the
// descriptor.  The names are Postfix's, with some of ours behind them.
#pragma once

#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/ipc/scache_client.h"

#include "smtp/session.h"

namespace relais::smtp_client {

// What leads from a destination to the server.
[[nodiscard]] std::string destination_properties(const Session& session);

// What the next user of the connection must know of it.
[[nodiscard]] std::string endpoint_properties(const Session& session);

// The session goes on here.  `server` is the one that was looked for; empty where `kept` was found
// by its destination and says so itself.
[[nodiscard]] Result<std::unique_ptr<Session>> restore_session(const Settings& settings,
                                                               KeptConnection kept,
                                                               ServerAddress server);

}  // namespace relais::smtp_client
