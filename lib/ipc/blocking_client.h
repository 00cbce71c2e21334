// Requests to internal services without a loop: for commands, and for daemons that do one thing at
// a time.  One connection, kept while it works.
#pragma once

#include <chrono>
#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/service_client.h"

namespace relais {

class BlockingClient {
  public:
    BlockingClient(ServiceAddress address, std::chrono::milliseconds timeout);

    // Sends a complete list and reads one back.  A connection that turns out dead is made anew
    // once.
    [[nodiscard]] Result<Attributes> call(const std::string& request);

    const ServiceAddress& address() const { return address_; }

  private:
    [[nodiscard]] Result<void> connect();
    [[nodiscard]] Result<Attributes> try_call(const std::string& request);
    [[nodiscard]] Result<Attributes> read_list();

    ServiceAddress address_;
    std::chrono::milliseconds timeout_;
    UniqueFd fd_;
    std::string in_;
};

}  // namespace relais
