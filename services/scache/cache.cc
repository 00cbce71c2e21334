#include "services/scache/cache.h"

#include <algorithm>
#include <iterator>

namespace relais::scache {

void Cache::note_sizes() {
    statistics.most_connections = std::max(statistics.most_connections, connections_);
    statistics.most_endpoints = std::max(statistics.most_endpoints, endpoints_.size());
    statistics.most_destinations = std::max(statistics.most_destinations, destinations_.size());
}

void Cache::save_endpoint(const std::string& label, std::string properties, UniqueFd fd,
                          std::chrono::seconds ttl) {
    if (connections_ >= kMostConnections) {
        return;
    }
    Endpoint endpoint;
    endpoint.properties = std::move(properties);
    endpoint.fd = std::move(fd);
    endpoint.until = Deadline::after(ttl);
    endpoints_[label].push_back(std::move(endpoint));
    ++connections_;
    note_sizes();
}

void Cache::save_destination(const std::string& label, std::string properties, std::string endpoint,
                             std::chrono::seconds ttl) {
    if (destinations_.size() >= kMostDestinations) {
        return;
    }
    std::vector<Destination>& list = destinations_[label];
    auto known = std::find_if(list.begin(), list.end(), [&](const Destination& one) {
        return one.endpoint == endpoint && one.properties == properties;
    });
    if (known == list.end()) {
        Destination destination;
        destination.properties = std::move(properties);
        destination.endpoint = std::move(endpoint);
        known = list.insert(list.end(), std::move(destination));
    }
    known->until = Deadline::after(ttl);
    note_sizes();
}

std::optional<Cache::FoundEndpoint> Cache::take_endpoint(std::string_view label) {
    auto found = endpoints_.find(label);
    if (found == endpoints_.end()) {
        return std::nullopt;
    }
    std::vector<Endpoint>& list = found->second;
    std::optional<FoundEndpoint> result;
    while (!list.empty() && !result) {
        Endpoint endpoint = std::move(list.back());
        list.pop_back();
        --connections_;
        if (!endpoint.until.passed()) {
            result.emplace();
            result->properties = std::move(endpoint.properties);
            result->fd = std::move(endpoint.fd);
        }
    }
    if (list.empty()) {
        endpoints_.erase(found);
    }
    return result;
}

std::optional<Cache::FoundEndpoint> Cache::find_endpoint(std::string_view label) {
    auto result = take_endpoint(label);
    ++(result ? statistics.endpoint_hits : statistics.endpoint_misses);
    return result;
}

std::optional<Cache::FoundDestination> Cache::find_destination(std::string_view label) {
    auto found = destinations_.find(label);
    if (found != destinations_.end()) {
        for (const Destination& destination : found->second) {
            if (destination.until.passed()) {
                continue;
            }
            if (auto endpoint = take_endpoint(destination.endpoint)) {
                FoundDestination result;
                result.properties = destination.properties;
                result.endpoint_properties = std::move(endpoint->properties);
                result.fd = std::move(endpoint->fd);
                ++statistics.destination_hits;
                return result;
            }
        }
    }
    ++statistics.destination_misses;
    return std::nullopt;
}

void Cache::expire() {
    for (auto it = endpoints_.begin(); it != endpoints_.end();) {
        connections_ -=
            std::erase_if(it->second, [](const Endpoint& one) { return one.until.passed(); });
        it = it->second.empty() ? endpoints_.erase(it) : std::next(it);
    }
    for (auto it = destinations_.begin(); it != destinations_.end();) {
        std::erase_if(it->second, [](const Destination& one) { return one.until.passed(); });
        it = it->second.empty() ? destinations_.erase(it) : std::next(it);
    }
}

}  // namespace relais::scache
