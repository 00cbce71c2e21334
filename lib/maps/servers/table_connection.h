// How tcp:, socketmap: and memcache: tables talk to their servers: connections that are kept for
// the next lookup, and one way of waiting for both kinds of callers (Waiting): a daemon with many
// sessions goes on with the others, a command blocks.
//
// Host names are looked up by the C library, on a helper thread where the caller must not block.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/event/deadline.h"
#include "lib/event/sync.h"
#include "lib/event/task.h"
#include "lib/maps/inline_task.h"

namespace relais {

// Where a server listens.
struct TableEndpoint {
    enum class Kind { kTcp, kUnix } kind = Kind::kTcp;
    std::string name;  // "host:port", or the path of a socket

    // "inet:host:port" or "unix:path".  The error is Postfix's text.
    [[nodiscard]] static Result<TableEndpoint> parse(std::string_view text);
};

class TableConnection {
  public:
    TableConnection(UniqueFd fd, std::chrono::seconds timeout);

    [[nodiscard]] Task<Result<void>> send(std::string bytes, Waiting waiting);
    // Waits until there is more input().  kClosed: the server hung up.
    [[nodiscard]] Task<Result<void>> receive(Waiting waiting);

    // What has been received and not erased from it.
    std::string& input() { return input_; }

  private:
    friend class TableServer;

    // Nothing has come since the last reply, neither an end nor something that nobody asked for.
    bool is_quiet() const;
    Deadline deadline() const;

    UniqueFd fd_;
    std::chrono::seconds timeout_;  // of each send and receive; zero: none
    std::string input_;
    SteadyTime opened_ = std::chrono::steady_clock::now();
    SteadyTime used_ = opened_;
};

// One server, and the connections to it that wait for work.
class TableServer {
  public:
    // Longer than any process lives, and yet a number of nanoseconds: what limits are compared in.
    static constexpr std::chrono::seconds kEver = std::chrono::hours(24 * 365 * 50);

    struct Limits {
        std::chrono::seconds timeout{100};
        std::chrono::seconds idle = kEver;      // unused connections
        std::chrono::seconds lifetime = kEver;  // any connection
    };

    TableServer(TableEndpoint endpoint, Limits limits);

    const TableEndpoint& endpoint() const { return endpoint_; }

    using Connection = std::unique_ptr<TableConnection>;

    // A connection of the caller's own.  The error's message is strerror's text alone.
    [[nodiscard]] Task<Result<Connection>> connect(Waiting waiting);
    // For the next who needs one: only after a complete exchange.
    void give_back(Connection connection);

  private:
    Connection take_idle();
    [[nodiscard]] Task<Result<Connection>> open(Waiting waiting);

    TableEndpoint endpoint_;
    Limits limits_;
    std::vector<Connection> idle_;
};

// Sleeps.
[[nodiscard]] Task<void> pause_lookup(std::chrono::seconds time, Waiting waiting);

}  // namespace relais
