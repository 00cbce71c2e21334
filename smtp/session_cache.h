// Open connections for the next mail: those that wait in this process, and those that go from
// process to process through scache(8).
//
// A process that carries many deliveries keeps its connections itself, which costs nothing, and
// leaves them to others when it ends or has too many.  A process of one delivery at a time
// (default_sessions_per_process = 1) leaves them to scache at once: the next mail for the
// destination may come to any process, and a server's limit of connections is one for all of them.
#pragma once

#include <memory>
#include <string>

#include "lib/ipc/scache_client.h"

#include "smtp/connection_pool.h"

namespace relais::smtp_client {

// Whether other processes are asked, too.
enum class Search { kHere, kEverywhere };

class SessionCache {
  public:
    // `settings` must outlive it.
    explicit SessionCache(const Settings* settings);

    // What waits here, and the deliveries under way.
    ConnectionPool pool;

    // The session is in order and nothing is expected from its server.  Its labels are set.
    [[nodiscard]] Task<void> keep(std::unique_ptr<Session> session);

    // A session that can be used at once, or null.
    [[nodiscard]] Task<std::unique_ptr<Session>> take_for_destination(std::string label,
                                                                      Search search);
    // The same for a certain server, by whose name it is then called.
    [[nodiscard]] Task<std::unique_ptr<Session>> take_for_endpoint(std::string label,
                                                                   ServerAddress server);

    // The process ends: others may have what waits here.
    [[nodiscard]] Task<void> close();

  private:
    [[nodiscard]] Task<bool> give_away(Session* session, std::chrono::seconds ttl);
    [[nodiscard]] Task<bool> give_all_away();
    [[nodiscard]] Task<std::unique_ptr<Session>> adopt(KeptConnection kept, ServerAddress server,
                                                       const std::string* label);

    const Settings* settings_;
    ScacheClient others_;
};

}  // namespace relais::smtp_client
