// Connections of this process whose server, one of ours, has said that it takes another request.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "lib/event/loop.h"
#include "lib/event/stream.h"

namespace relais {

class WaitingServers {
  public:
    static WaitingServers& of_process();

    // By the path of the socket; null where there is none.  Whether it still waits, the next
    // request will show.
    std::unique_ptr<Stream> take(const std::string& socket);

    void keep(const std::string& socket, std::unique_ptr<Stream> stream);

  private:
    static constexpr std::size_t kMost = 20;
    static constexpr auto kKept = std::chrono::seconds(5);

    struct Waiting {
        std::unique_ptr<Stream> stream;
        Deadline until;
    };

    std::unordered_map<std::string, std::deque<Waiting>> by_socket_;
};

}  // namespace relais
