// Connections of this process that wait for the next mail to the same destination.  Each is used by
// one delivery at a time and waits for a short while only (smtp_connection_cache_time_limit).
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "lib/event/task.h"

#include "smtp/session.h"

namespace relais::smtp_client {

// A server that has something to say to an idle client says goodbye.
[[nodiscard]] bool is_silent(Session& session);

class ConnectionPool {
  public:
    explicit ConnectionPool(std::chrono::seconds time_limit) : time_limit_(time_limit) {}

    // Counts the deliveries under way.  Where there are several, connections are worth keeping.
    void delivery_begins(const std::string& destination) { ++busy_[destination]; }

    bool in_demand(const std::string& destination) const;
    void delivery_ends(const std::string& destination);

    // A connection with this label (Session::labels) that is still alive, or null.
    [[nodiscard]] std::unique_ptr<Session> take_for_destination(const std::string& label);
    [[nodiscard]] std::unique_ptr<Session> take_for_endpoint(const std::string& label);

    bool is_full() const { return waiting_.size() >= kMost; }

    // Not when it is full.
    void keep(std::unique_ptr<Session> session);

    // Closes connections that nobody wants; runs beside the deliveries for ever.
    [[nodiscard]] Task<void> expire(const Settings* settings);

    // The oldest, and for how long it would still wait; null when there is none.
    struct Waiting {
        std::unique_ptr<Session> session;
        Deadline until;
    };

    [[nodiscard]] Waiting take_oldest();

  private:
    static constexpr std::size_t kMost = 500;

    [[nodiscard]] std::unique_ptr<Session> take(std::string Session::Labels::* which,
                                                const std::string& label);

    std::chrono::seconds time_limit_;
    std::list<Waiting> waiting_;  // oldest first
    std::unordered_map<std::string, int> busy_;
};

}  // namespace relais::smtp_client
