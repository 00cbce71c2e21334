// What anvil knows about clients: for each "service:address" the sessions it has now, and what it
// did in the current time unit.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/strings.h"

namespace relais::anvil {

enum class Rate : std::size_t { kConnection, kMessage, kRecipient, kNewTls, kAuth };
inline constexpr std::size_t kRates = 5;

struct Client {
    int sessions = 0;
    std::array<int, kRates> rates{};
    std::time_t window_start = 0;  // of the rates
    std::time_t idle_since = 0;    // when the last session ended
};

// The largest values seen since the last report.
struct Maximum {
    int value = 0;
    std::string ident;
    std::time_t when = 0;
};

class ClientTable {
  public:
    explicit ClientTable(std::chrono::seconds unit) : unit_(unit.count()) {}

    Client& connect(std::string_view ident, std::time_t now);
    void disconnect(std::string_view ident, std::time_t now);
    // Counts one event.
    int add(Rate rate, std::string_view ident, std::time_t now);
    // The rate as it stands.
    int current(Rate rate, std::string_view ident, std::time_t now);
    const Client* find(std::string_view ident) const;

    // Forgets clients that have had no session for a time unit.
    void expire(std::time_t now);

    std::size_t size() const { return clients_.size(); }

    // Logs the maxima and forgets them.
    void log_statistics();

  private:
    Client& touch(std::string_view ident, std::time_t now);
    void note(Maximum& maximum, int value, std::string_view ident, std::time_t now);

    std::time_t unit_;
    std::unordered_map<std::string, Client, StringHash, std::equal_to<>> clients_;
    Maximum most_sessions_;
    std::array<Maximum, kRates> most_rates_;
    Maximum most_clients_;
};

}  // namespace relais::anvil
