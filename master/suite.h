// All services together: start, reload, the end of processes, the end of the suite.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/config/config.h"

#include "master/runtime.h"
#include "master/service.h"

namespace relais::master {

class Suite {
  public:
    explicit Suite(Runtime* runtime) : runtime_(runtime) {}

    // Starts what master.cf names.  A service whose endpoint cannot be opened ends master.
    void start(const std::vector<MasterService>& entries);

    // Makes the running services what master.cf now names.
    void reload(const std::vector<MasterService>& entries);

    // Collects processes that have ended.
    void reap();

  private:
    void add(const MasterService& entry);

    Runtime* runtime_;
    std::vector<std::unique_ptr<Service>> services_;
    std::vector<std::unique_ptr<Service>> leaving_;  // removed, but processes are still there
};

// The services of master.cf under this configuration, without those that master_service_disable
// names, and the one through which users submit whose postdrop cannot be set-gid
// (postdrop_socket).
[[nodiscard]] Result<std::vector<MasterService>> read_services(const Config& config);

}  // namespace relais::master
