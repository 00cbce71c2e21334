// Starts one process of a service: composes its command line and places its descriptors.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/config/master_cf.h"

#include "master/runtime.h"

namespace relais::master {

struct SpawnRequest {
    const MasterService* entry = nullptr;
    const std::vector<Endpoint>* endpoints = nullptr;
    int status_fd = -1;
    int sessions = 1;         // RELAIS_SESSIONS
    bool has_stress = false;  // -o stress=
    bool stressed = false;    // -o stress=yes
};

// The program's path and arguments in the order that Postfix's master gives them.
[[nodiscard]] std::vector<std::string> compose_command(const SpawnRequest& request,
                                                       const Runtime& runtime);

// Forks and executes.  The generation is counted up.
[[nodiscard]] Result<pid_t> spawn_process(const SpawnRequest& request, Runtime& runtime);

}  // namespace relais::master
