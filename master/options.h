// Master's own command line.
#pragma once

#include <chrono>
#include <optional>

namespace relais::master {

struct MasterOptions {
    bool debugging = false;                          // -d: stay in the foreground, children too
    bool debugger = false;                           // -D: run debugger_command
    bool init = false;                               // -i: this is process 1 of a container
    bool keep_stdout = false;                        // -s
    bool test_lock = false;                          // -t
    bool wait = false;                               // -w
    int verbose = 0;                                 // -v, counted
    std::optional<std::chrono::seconds> exit_after;  // -e
};

// Ends the process with a message on a malformed command line.  -c is put into the environment.
MasterOptions parse_options(int argc, char** argv);

}  // namespace relais::master
