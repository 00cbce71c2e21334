// The way to scache(8), which keeps open connections that one process leaves for another: by
// endpoint (a server), and by destinations that lead to endpoints.  What the labels and properties
// say is the caller's affair.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/event/deadline.h"
#include "lib/ipc/service_client.h"

namespace relais {

// A connection that was kept.
struct KeptConnection {
    std::string destination;  // properties; empty when it was found by its endpoint
    std::string endpoint;     // properties
    UniqueFd fd;
};

class ScacheClient {
  public:
    // `timeout` is for each call as a whole.
    ScacheClient(std::string socket, std::chrono::milliseconds timeout);

    // Leaves a connection there for `ttl` at the most; the descriptor stays open here.  False: it
    // was not taken.
    [[nodiscard]] Task<bool> save_endpoint(std::string label, std::string properties, int fd,
                                           std::chrono::seconds ttl);
    [[nodiscard]] Task<bool> save_destination(std::string label, std::string properties,
                                              std::string endpoint, std::chrono::seconds ttl);

    // Nothing: there is none, or nobody to ask.
    [[nodiscard]] Task<std::optional<KeptConnection>> find_endpoint(std::string label);
    [[nodiscard]] Task<std::optional<KeptConnection>> find_destination(std::string label);

    // False for a minute after a failure, which is logged: whoever does not answer is left alone.
    bool usable() const { return !silent_until_ || silent_until_->passed(); }

  private:
    [[nodiscard]] Task<bool> save(std::string request, int fd);
    [[nodiscard]] Task<std::optional<KeptConnection>> find(std::string request, bool destination);
    [[nodiscard]] Task<std::optional<Attributes>> ask(std::string request,
                                                      ServiceClient::Reader read);

    std::chrono::milliseconds timeout_;
    ServiceClient service_;
    std::optional<Deadline> silent_until_;
};

}  // namespace relais
