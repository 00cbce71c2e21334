#include "lib/ipc/waiting_servers.h"

#include <utility>

namespace relais {

WaitingServers& WaitingServers::of_process() {
    Loop::current();  // which must outlive them
    static WaitingServers servers;
    return servers;
}

std::unique_ptr<Stream> WaitingServers::take(const std::string& socket) {
    auto& waiting = by_socket_[socket];
    while (!waiting.empty()) {
        auto [stream, until] = std::move(waiting.back());
        waiting.pop_back();
        if (!until.passed()) {
            return std::move(stream);
        }
    }
    return nullptr;
}

void WaitingServers::keep(const std::string& socket, std::unique_ptr<Stream> stream) {
    auto& waiting = by_socket_[socket];
    while (!waiting.empty() && waiting.front().until.passed()) {
        waiting.pop_front();
    }
    if (waiting.size() < kMost) {
        waiting.push_back({std::move(stream), Deadline::after(kKept)});
    }
}

}  // namespace relais
