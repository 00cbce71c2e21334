// The endpoints of a service: sockets and FIFOs that master makes and its children inherit.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/config/master_cf.h"
#include "lib/daemon/privileges.h"

namespace relais::master {

struct Endpoint {
    UniqueFd fd;
    std::string address;  // "[::1]:25", "private/rewrite"
};

// What sockets depend on besides master.cf.
struct ListenContext {
    UserIds owner;  // of the nodes in the file system
    int backlog = 100;
    bool can_chown = false;
};

// "private/NAME", "public/NAME" or the service's own path, or the inet name as it stands.
[[nodiscard]] std::string endpoint_name(const MasterService& service);

// As log lines have it: "25", "[127.0.0.1]:11025", "private/rewrite".
[[nodiscard]] std::string log_name(const MasterService& service, const Endpoint& endpoint);

// The sockets of a service; an error names the address.
[[nodiscard]] Result<std::vector<Endpoint>> open_endpoints(const MasterService& service,
                                                           const ListenContext& context);

// True when the service can be reached from other hosts: inet beyond loopback, and every `pass`.
[[nodiscard]] bool is_exposed(const MasterService& service, const std::vector<Endpoint>& endpoints);

// Runs with the effective identity of the owner of nodes in the queue directory.
class OwnerIdentity {
  public:
    explicit OwnerIdentity(const ListenContext& context);
    ~OwnerIdentity();
    OwnerIdentity(const OwnerIdentity&) = delete;
    OwnerIdentity& operator=(const OwnerIdentity&) = delete;

  private:
    bool changed_;
};

}  // namespace relais::master
