#include "lib/ipc/waiting_servers.h"

#include <utility>

namespace relais {

bool offers_to_go_on(Stream& server, std::string_view protocol, AttrEncoding encoding) {
    auto list = parse_attributes(server.buffered(), encoding);
    if (list.status != AttrParse::Status::kComplete || list.length != server.buffered().size()) {
        return false;
    }
    server.consume(list.length);
    return AttrReader(list.attributes).string("protocol") == protocol;
}

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
