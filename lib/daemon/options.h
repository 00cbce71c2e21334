// The command line that master composes for every daemon (and people type with -S).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "lib/daemon/daemon.h"

namespace relais {

enum class ServiceTransport { kNone, kInet, kUnix, kPass, kFifo, kDatagram };

struct DaemonOptions {
    bool chroot = false;                           // -c
    bool not_daemon = false;                       // -d
    bool debugger = false;                         // -D
    bool alone = false;                            // -l
    bool unlimited = false;                        // -z
    bool on_stdio = false;                         // -S
    bool as_mail_owner = false;                    // -u
    bool log_to_stderr = false;                    // -V
    int verbose = 0;                               // -v, counted
    int sockets = 1;                               // -s
    std::optional<int> max_use;                    // -m
    std::optional<std::chrono::seconds> max_idle;  // -i
    std::optional<std::chrono::seconds> retire;    // -r
    std::string service_name;                      // -n
    std::string transport_name;                    // -t as given
    ServiceTransport transport = ServiceTransport::kNone;
    std::vector<std::string> settings;   // -o name=value
    std::vector<std::string> arguments;  // what follows
};

// Ends the process with a message on a malformed command line.
DaemonOptions parse_daemon_options(int argc, char** argv, const DaemonTraits& traits);

}  // namespace relais
