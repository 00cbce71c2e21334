// A memcached or Redis server with what several machines know together (login_shared_server).  It
// is asked for advice: while it is away, slow or makes no sense, there is none, at once.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/event/sync.h"
#include "lib/ipc/shared_replies.h"

namespace relais {

class SharedServer {
  public:
    // "memcache:HOST:PORT" or "redis:HOST:PORT"; empty: there is none.  Ends the process where it
    // is something else.
    explicit SharedServer(std::string_view setting);

    bool is_set() const { return !place_.empty(); }

    // Counts an event under the key, which is forgotten `keep` after the first one.  The number,
    // this one included.
    [[nodiscard]] Task<std::optional<int>> add_one(std::string key, std::chrono::seconds keep);

    // The number as it stands; 0 where nothing was counted.
    [[nodiscard]] Task<std::optional<int>> count(std::string key);

    // A value, where there is one.
    [[nodiscard]] Task<std::optional<std::string>> get(std::string key);
    [[nodiscard]] Task<void> put(std::string key, std::string value, std::chrono::seconds keep);
    [[nodiscard]] Task<void> remove(std::string key);

  private:
    using Replies = std::vector<SharedReply>;

    // Sends requests at once and takes as many replies.
    [[nodiscard]] Task<std::optional<Replies>> ask(std::string requests, std::size_t count);
    [[nodiscard]] Task<Result<Replies>> converse(std::string requests, std::size_t count,
                                                 Deadline deadline);
    [[nodiscard]] Task<Result<SharedReply>> read_reply(Stream* stream);
    bool is_away() const;
    void note_trouble(const std::string& why);

    SharedProtocol protocol_ = SharedProtocol::kMemcache;
    std::string place_;  // host:port
    std::unique_ptr<Stream> stream_;
    Semaphore turn_{1};
    SteadyTime away_until_{};
    bool told_ = false;  // that it is away
};

}  // namespace relais
