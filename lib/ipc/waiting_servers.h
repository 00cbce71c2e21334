// Connections of this process whose server, one of ours, has said that it takes another request.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/event/loop.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"

namespace relais {

// Whether the list with which a server offers to go on (`protocol` = this), and nothing else,
// follows what was read; takes it.
[[nodiscard]] bool offers_to_go_on(Stream& server, std::string_view protocol,
                                   AttrEncoding encoding = AttrEncoding::kNul);

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
