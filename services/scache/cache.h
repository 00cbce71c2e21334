// The connections that scache keeps: by endpoint (a server's address with what else matters to the
// client), and the destinations that lead to endpoints.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/strings.h"
#include "lib/base/unique_fd.h"
#include "lib/event/deadline.h"

namespace relais::scache {

struct Statistics {
    long destination_hits = 0, destination_misses = 0;
    long endpoint_hits = 0, endpoint_misses = 0;
    std::size_t most_destinations = 0, most_endpoints = 0, most_connections = 0;
};

class Cache {
  public:
    struct FoundEndpoint {
        std::string properties;
        UniqueFd fd;
    };

    struct FoundDestination {
        std::string properties;
        std::string endpoint_properties;
        UniqueFd fd;
    };

    void save_endpoint(const std::string& label, std::string properties, UniqueFd fd,
                       std::chrono::seconds ttl);
    void save_destination(const std::string& label, std::string properties, std::string endpoint,
                          std::chrono::seconds ttl);

    // A connection is handed out once.
    [[nodiscard]] std::optional<FoundEndpoint> find_endpoint(std::string_view label);
    [[nodiscard]] std::optional<FoundDestination> find_destination(std::string_view label);

    void expire();

    std::size_t connections() const { return connections_; }

    Statistics statistics;

  private:
    static constexpr std::size_t kMostConnections = 2000;
    static constexpr std::size_t kMostDestinations = 10000;

    struct Endpoint {
        std::string properties;
        UniqueFd fd;
        Deadline until;
    };

    struct Destination {
        std::string properties;
        std::string endpoint;
        Deadline until;
    };

    template <class T>
    using Labels = std::unordered_map<std::string, std::vector<T>, StringHash, std::equal_to<>>;

    std::optional<FoundEndpoint> take_endpoint(std::string_view label);
    void note_sizes();

    Labels<Endpoint> endpoints_;
    Labels<Destination> destinations_;
    std::size_t connections_ = 0;
};

}  // namespace relais::scache
