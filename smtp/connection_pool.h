// Connections that wait for the next mail to the same destination.  Each is used by one delivery at
// a time and waits for a short while only (smtp_connection_cache_time_limit).
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "lib/event/task.h"

#include "smtp/session.h"

namespace relais::smtp_client {

class ConnectionPool {
  public:
    explicit ConnectionPool(std::chrono::seconds time_limit) : time_limit_(time_limit) {}

    // Counts the deliveries under way.  Where there are several, connections are worth keeping.
    void delivery_begins(const std::string& destination) { ++busy_[destination]; }

    bool in_demand(const std::string& destination) const;
    void delivery_ends(const std::string& destination);

    // A connection that is still alive, or null.
    [[nodiscard]] std::unique_ptr<Session> take(const std::string& destination);

    void keep(const std::string& destination, std::unique_ptr<Session> session);

    // Closes connections that nobody wants; runs beside the deliveries for ever.
    [[nodiscard]] Task<void> expire(const Settings* settings);

    // Closes all.
    [[nodiscard]] Task<void> close_all(const Settings* settings);

    std::size_t size() const { return waiting_.size(); }

  private:
    static constexpr std::size_t kMost = 500;

    struct Waiting {
        std::string destination;
        std::unique_ptr<Session> session;
        Deadline until;
    };

    std::chrono::seconds time_limit_;
    std::list<Waiting> waiting_;  // oldest first
    std::unordered_map<std::string, int> busy_;
};

}  // namespace relais::smtp_client
