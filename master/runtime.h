// What all services share.
#pragma once

#include <string>
#include <vector>

#include "lib/base/unique_fd.h"
#include "lib/event/task_group.h"

#include "master/listeners.h"

namespace relais::master {

struct Runtime {
    ListenContext listening;
    UniqueFd flow_read;
    UniqueFd flow_write;
    std::vector<std::string> environment;  // of the children, without GENERATION
    unsigned generation = 0;               // counts the processes that were started
    int verbose = 0;                       // -v of master, handed on
    bool debugging = false;                // -d of master, handed on
    int processors = 1;
    TaskGroup wakeups;
};

}  // namespace relais::master
